// Comm's verbs and what they count, the split of rows over ranks, and the bytes of arrays.
#include "core/comm.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "core/error.hpp"
#include "core/rows.hpp"

namespace fedfuse {
namespace {

TEST(Comm, GathersExchangesAndSums) {
  const auto comm = Comm::world();
  const int n = comm.size(), me = comm.rank();
  // rank r brings r values: none from rank 0
  const std::vector<std::int32_t> mine(std::size_t(me), me);
  const auto all = comm.all_gather(std::span<const std::int32_t>(mine));
  std::vector<std::int32_t> want;
  for (int r = 0; r < n; ++r) want.insert(want.end(), std::size_t(r), r);
  EXPECT_EQ(all, want);

  std::vector<std::vector<std::int64_t>> to_rank;
  for (int r = 0; r < n; ++r) to_rank.emplace_back(std::size_t(r + me), 100 * me + r);
  const auto received = comm.exchange(to_rank);
  std::vector<std::int64_t> expected;
  for (int r = 0; r < n; ++r) expected.insert(expected.end(), std::size_t(me + r), 100 * r + me);
  EXPECT_EQ(received, expected);

  std::vector<std::int64_t> sums{me, 1};
  comm.sum(sums);
  EXPECT_EQ(sums, (std::vector<std::int64_t>{n * (n - 1) / 2, n}));
  EXPECT_EQ(comm.exscan(5), 5 * me);
  EXPECT_EQ(comm.max(std::int64_t(me)), n - 1);
  EXPECT_EQ(comm.min(std::int64_t(me - n)), -n);
  std::string text = comm.root() ? "from the root" : "";
  comm.broadcast(text);
  EXPECT_EQ(text, "from the root");
  EXPECT_EQ(comm.moved().summed() > 0, n > 1);
}

TEST(Comm, ReducesToOwnersAndGathersTheirRows) {
  const auto comm = Comm::world();
  const int n = comm.size(), me = comm.rank();
  // rank r owns r rows of two numbers: none is rank 0's
  std::vector<std::int64_t> counts, numbers;
  for (int r = 0; r < n; ++r) {
    counts.push_back(r);
    numbers.push_back(2 * r);
  }
  const std::int64_t total = n * (n - 1) / 2, before = me * (me - 1) / 2;
  std::vector<std::int64_t> values(std::size_t(2 * total)), sums(std::size_t(2 * me));
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = std::int64_t(k) * (1 + me);
  comm.reduce_scatter(values, numbers, sums);
  for (std::int64_t k = 0; k < 2 * me; ++k)
    EXPECT_EQ(sums[std::size_t(k)], (2 * before + k) * n * (n + 1) / 2);

  std::vector<float> rows(std::size_t(2 * total), -1.0f);
  for (std::int64_t k = 2 * before; k < 2 * (before + me); ++k) rows[std::size_t(k)] = float(k);
  comm.all_gather_rows(std::span(rows), 2, counts);
  for (std::size_t k = 0; k < rows.size(); ++k) EXPECT_EQ(rows[k], float(k));
}

// Of one rank, nothing: it moves nothing.
TEST(Comm, CountsBytesAndCallsByVerb) {
  const auto comm = Comm::world();
  const std::int64_t n = comm.size(), me = comm.rank(), others = n - 1, here = n > 1 ? 1 : 0;
  const auto does = [&](const std::function<void()>& work) {
    const auto before = comm.moved();
    work();
    auto after = comm.moved();
    for (std::size_t v = 0; v < verb_count; ++v) {
      after.bytes[v] -= before.bytes[v];
      after.calls[v] -= before.calls[v];
    }
    after.sent -= before.sent;
    return after;
  };
  std::vector<std::int64_t> words(std::size_t(6 * n), 1), mine(6);
  const auto sum = does([&] { comm.sum(words); });
  EXPECT_EQ(sum.bytes_of(Verb::sum), here * 48 * n);
  EXPECT_EQ(sum.calls_of(Verb::sum), here);
  EXPECT_EQ(sum.sent, 2 * 48 * others);

  const std::vector<std::int64_t> sixes(std::size_t(n), 6);
  const auto reduce = does([&] { comm.reduce_scatter(words, sixes, mine); });
  EXPECT_EQ(reduce.bytes_of(Verb::reduce_scatter), here * 48 * n);
  EXPECT_EQ(reduce.sent, 48 * others);
  const auto rows = does([&] {
    comm.all_gather_rows(std::span(words), 6, std::vector<std::int64_t>(std::size_t(n), 1));
  });
  EXPECT_EQ(rows.bytes_of(Verb::gather), here * 48);
  EXPECT_EQ(rows.sent, 48 * others);
  EXPECT_EQ(rows.calls_of(Verb::agree), 0);

  const auto gather = does([&] { (void)comm.all_gather(std::span<const std::int64_t>(mine)); });
  EXPECT_EQ(gather.bytes_of(Verb::gather), here * 48);
  EXPECT_EQ(gather.calls_of(Verb::agree), here);  // how much comes
  const std::vector<std::vector<char>> to_rank(std::size_t(n), std::vector<char>(3));
  const auto exchange = does([&] { (void)comm.exchange(to_rank); });
  EXPECT_EQ(exchange.bytes_of(Verb::exchange), 3 * others);  // its own part stays
  const auto broadcast = does([&] { comm.broadcast(std::span(mine)); });
  EXPECT_EQ(broadcast.bytes_of(Verb::broadcast), me == 0 ? here * 48 : 0);
  EXPECT_EQ(broadcast.calls_of(Verb::broadcast), here);
  const auto agree = does([&] { (void)comm.max(1.0); });
  EXPECT_EQ(agree.bytes_of(Verb::agree), 8 * here);
  EXPECT_EQ(agree.sent, 0);
}

TEST(RowSplit, OwnsWholeBlocksOnce) {
  const auto comm = Comm::world();
  for (const std::int64_t rows : {0, 1, 255, 256, 257, 1500, 5000}) {
    const RowSplit split(rows, comm);
    std::int64_t next = 0;
    for (int r = 0; r < comm.size(); ++r) {
      EXPECT_EQ(split.first(r), next);
      EXPECT_TRUE(next % 256 == 0 || next == rows);
      next += split.count(r);
    }
    EXPECT_EQ(next, rows);
    EXPECT_EQ(split.my_first(), split.first(comm.rank()));
    EXPECT_EQ(split.my_rows(), split.count(comm.rank()));
    Matrix<float> table(rows, 3, -1.0f);
    for (std::int64_t i = split.my_first(); i < split.my_first() + split.my_rows(); ++i)
      std::fill_n(table.row(i), 3, float(i));
    complete_rows(table, split, comm);
    for (std::int64_t i = 0; i < rows; ++i) EXPECT_EQ(table(i, 2), float(i));
  }
}

TEST(ArrayBytes, CountsWhatIsHeldAtOnce) {
  ArrayBytes::restart_most();
  const auto before = ArrayBytes::now();
  {
    const Matrix<double> a(100, 10);
    {
      const Array<float> b(500);
    }
    EXPECT_EQ(ArrayBytes::now(), before + 8000);
    EXPECT_EQ(ArrayBytes::most(), before + 10000);
  }
  EXPECT_EQ(ArrayBytes::now(), before);
  EXPECT_EQ(ArrayBytes::most(), before + 10000);
  ArrayBytes::restart_most();
  EXPECT_EQ(ArrayBytes::most(), before);
}

TEST(Comm, TheLeastOfWhatSomeRanksHave) {
  using Maybe = std::optional<std::int64_t>;
  const auto comm = Comm::world();
  const int n = comm.size(), me = comm.rank();
  EXPECT_EQ(comm.min(Maybe()), Maybe());
  // the last rank alone has a value; then all but the first, and the last has the least
  EXPECT_EQ(comm.min(me == n - 1 ? Maybe(7) : Maybe()), Maybe(7));
  EXPECT_EQ(comm.min(me > 0 || n == 1 ? Maybe(-me) : Maybe()), Maybe(1 - n));
}

TEST(Comm, AnErrorOnOneRankIsEverybodys) {
  const auto comm = Comm::world();
  const int last = comm.size() - 1;
  try {
    comm.together([&] {
      if (comm.rank() == last) throw InputError("what", "why", "do");
    });
    FAIL() << "nothing was thrown on rank " << comm.rank();
  } catch (const InputError& e) {
    EXPECT_STREQ(e.what(), "what\n  why: why\n  do:  do");
  }
  EXPECT_THROW(comm.on_root([] { throw std::runtime_error("x"); }), InternalError);
  EXPECT_NO_THROW(comm.together([] {}));
}

}  // namespace
}  // namespace fedfuse
