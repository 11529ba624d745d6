// One writer a path, and no output over an input.
#include "data/output_claim.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/output_file.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() : path_((fs::temp_directory_path() / "fedfuse_claim_XXXXXX").string()) {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(file(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::string path_;
};

template <class Work>
std::string refusal(Work&& work) {
  try {
    work();
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(OutputClaim, OneAtATime) {
  const Folder folder;
  const auto path = folder.file("x.h5");
  {
    const OutputClaim first(path);
    const auto second = refusal([&] { const OutputClaim claim(path); });
    EXPECT_TRUE(has(second, "another run writes it")) << second;
    EXPECT_TRUE(has(second, cat("process ", getpid()))) << second;
    // the same file by another spelling
    fs::create_directory_symlink(folder.file("."), folder.file("link"));
    EXPECT_NE(refusal([&] { const OutputClaim claim(folder.file("link/x.h5")); }), "");
    EXPECT_EQ(refusal([&] { const OutputClaim claim(folder.file("y.h5")); }), "");
  }
  EXPECT_FALSE(fs::exists(path + ".lock"));
  EXPECT_EQ(refusal([&] { const OutputClaim claim(path); }), "");
}

TEST(OutputClaim, TheLockOfAKilledRunIsTakenOver) {
  const Folder folder;
  const auto path = folder.file("x.h5");
  folder.write("x.h5.lock", "elsewhere 1 - 0\n");
  EXPECT_EQ(refusal([&] { const OutputClaim claim(path); }), "");
  EXPECT_FALSE(fs::exists(path + ".lock"));
}

TEST(OutputClaim, AnotherThingAtTheNameOfTheLockIsLeftAlone) {
  const Folder folder;
  const auto path = folder.file("x.h5"), lock = path + ".lock";
  folder.write("victim", "precious");
  fs::create_symlink(folder.file("victim"), lock);
  EXPECT_TRUE(has(refusal([&] { const OutputClaim claim(path); }), "in the way"));
  fs::remove(lock);
  ASSERT_EQ(mkfifo(lock.c_str(), 0600), 0);
  EXPECT_TRUE(has(refusal([&] { const OutputClaim claim(path); }), "in the way"));
  fs::remove(lock);
  fs::create_hard_link(folder.file("victim"), lock);
  EXPECT_EQ(refusal([&] { const OutputClaim claim(path); }), "");
  EXPECT_EQ(folder.read("victim"), "precious");
}

TEST(OutputClaim, OutputsAndInputsAreComparedAsFiles) {
  const Folder folder;
  folder.write("in.h5", "precious");
  fs::create_directory(folder.file("sub"));
  fs::create_directory_symlink(folder.file("."), folder.file("link"));
  fs::create_symlink(folder.file("in.h5"), folder.file("soft.h5"));
  fs::create_hard_link(folder.file("in.h5"), folder.file("hard.h5"));
  fs::create_hard_link(folder.file("in.h5"), folder.file("z.h5.partial"));
  const auto check = [&](const std::string& out, const std::string& in) {
    return refusal([&] {
      check_outputs_differ({{"--out", folder.file(out)}}, {{"--data", folder.file(in)}});
    });
  };
  for (const char* out : {"in.h5", "sub/../in.h5", "link/in.h5", "soft.h5", "hard.h5", "z.h5"})
    EXPECT_TRUE(has(check(out, "in.h5"), "same file")) << out;
  EXPECT_TRUE(has(check("in.h5", "soft.h5"), "--data"));
  EXPECT_EQ(check("new.h5", "in.h5"), "");
  EXPECT_EQ(check("in.h5", "absent.h5"), "");
  const auto each_other = refusal([&] {
    check_outputs_differ({{"--out", folder.file("soft.h5")}, {"twin", folder.file("hard.h5")}}, {});
  });
  EXPECT_TRUE(has(each_other, "writes too")) << each_other;
}

void write_and_commit(const std::string& path, Existing existing,
                      const std::function<void()>& meanwhile = {}) {
  const auto alone = Comm::self();
  OutputFile file(path, existing, 16, alone);
  std::ofstream(file.partial()) << "new";
  if (meanwhile) meanwhile();
  file.commit();
}

TEST(OutputFile, WhatAppearsMeanwhileStays) {
  const Folder folder;
  const auto path = folder.file("x.h5");
  for (const auto existing : {Existing::refuse, Existing::keep_beside}) {
    const auto error = refusal(
        [&] { write_and_commit(path, existing, [&] { folder.write("x.h5", "precious"); }); });
    EXPECT_EQ(folder.read("x.h5"), "precious");
    const auto beside = existing == Existing::refuse ? "x.1.h5" : "x.2.h5";
    EXPECT_TRUE(has(error, folder.file(beside))) << error;
    EXPECT_EQ(folder.read(beside), "new");
    EXPECT_FALSE(fs::exists(path + ".partial"));
    fs::remove(path);
  }
  folder.write("x.h5", "old");
  EXPECT_NE(refusal([&] { write_and_commit(path, Existing::refuse); }), "");
  EXPECT_EQ(folder.read("x.h5"), "old");
  write_and_commit(path, Existing::replace);
  EXPECT_EQ(folder.read("x.h5"), "new");
}

TEST(OutputFile, NothingIsFollowedAtThePartialName) {
  const Folder folder;
  const auto path = folder.file("x.h5"), partial = path + ".partial";
  folder.write("victim", "precious");
  fs::create_symlink(folder.file("victim"), partial);
  EXPECT_TRUE(has(refusal([&] { write_and_commit(path, Existing::replace); }), "in the way"));
  fs::remove(partial);
  fs::create_symlink(folder.file("absent"), partial);
  EXPECT_TRUE(has(refusal([&] { write_and_commit(path, Existing::replace); }), "in the way"));
  EXPECT_FALSE(fs::exists(folder.file("absent")));
  fs::remove(partial);
  ASSERT_EQ(mkfifo(partial.c_str(), 0600), 0);
  EXPECT_TRUE(has(refusal([&] { write_and_commit(path, Existing::replace); }), "in the way"));
  fs::remove(partial);
  fs::create_hard_link(folder.file("victim"), partial);
  write_and_commit(path, Existing::replace);  // what a killed run left
  EXPECT_EQ(folder.read("victim"), "precious");
  EXPECT_EQ(folder.read("x.h5"), "new");
}

TEST(OutputFile, AnExchangedPartialFileGetsNoName) {
  const Folder folder;
  const auto path = folder.file("x.h5");
  const auto error = refusal([&] {
    write_and_commit(path, Existing::replace, [&] {
      fs::remove(path + ".partial");
      folder.write("x.h5.partial", "another's");
    });
  });
  EXPECT_TRUE(has(error, "exchanged")) << error;
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace fedfuse
