// This and completion.cpp are the only sources that include CLI11, which is slow to compile.
#include "app/options.hpp"

#include <algorithm>

#include "app/completion.hpp"
#include "app/option_for.hpp"
#include "core/error.hpp"
#include "core/isa.hpp"
#include "core/text.hpp"
#include "results/config_fields.hpp"
#include "results/config_text.hpp"
#include "results/identity.hpp"
#include "results/presets.hpp"
#include "results/provenance.hpp"

namespace fedfuse {
namespace {

// The value of --name in the words of the line, or "": what must be known before the line is
// parsed.
std::string value_of(const std::vector<std::string>& argv, const std::string& name) {
  std::string value;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    if (argv[i] == name && i + 1 < argv.size()) value = argv[i + 1];
    if (argv[i].starts_with(name + "=")) value = argv[i].substr(name.size() + 1);
  }
  return value;
}

void add_generate(CLI::App& app, GenerateOptions& o, const std::vector<std::string>& argv) {
  if (std::ranges::find(argv, "--sparse") != argv.end()) o = GenerateOptions::sparse();
  const GenerateOptions d = o;
  app.add_flag("--sparse")
      ->description(
          "other defaults: like the papers' 5-core sets, 5 to 10 interactions a client and many "
          "items");
  option_for(app, "out", o.out, d.out, "data set to write [path]")->group("Files");
  option_for(app, "overwrite", o.overwrite, d.overwrite, "replace an existing file")
      ->group("Files");
  option_for(app, "name", o.name, d.name, "name of the data set")->group("Files");
  const auto size = [&](const char* name, std::int64_t& member, std::int64_t standard,
                        const char* text) {
    option_for(app, name, member, standard, text)->group("Size");
  };
  size("users", o.users, d.users, "clients (N)");
  size("items", o.items, d.items, "items, at least 50 (M)");
  size("dim-text", o.dim_text, d.dim_text, "width of text features; 0: none [floats] (d_t)");
  size("dim-image", o.dim_image, d.dim_image, "width of image features; 0: none [floats] (d_v)");
  size("activity-min", o.activity_min, d.activity_min,
       "fewest interactions of a client, at least 3");
  size("activity-max", o.activity_max, d.activity_max,
       "most interactions of a client; 0: a quarter of the items");
  option_for(app, "activity", o.activity, d.activity,
             "mean interactions of a client, the two held-out ones included")
      ->group("Size");
  option_for(app, "activity-sigma", o.activity_sigma, d.activity_sigma,
             "how long the tail of activity is (sigma of its logarithm)")
      ->group("Size");
  const auto plant = [&](const char* name, double& member, double standard, const char* text) {
    option_for(app, name, member, standard, text)->group("Structure");
  };
  option_for(app, "groups", o.groups, d.groups, "planted groups of clients")->group("Structure");
  option_for(app, "latent", o.latent, d.latent, "dimensions of content, at least 4")
      ->group("Structure");
  option_for(app, "topics", o.topics, d.topics, "item topics")->group("Structure");
  plant("topic-share", o.topic_share, d.topic_share,
        "share of the content's variance that topics explain");
  plant("noise", o.noise, d.noise, "noise of a feature, in standard deviations of its signal");
  plant("missing", o.missing, d.missing,
        "share of items without a modality, for each modality alone");
  plant("zipf", o.zipf, d.zipf, "exponent of popularity");
  plant("taste", o.taste, d.taste,
        "how peaked preferences are: standard deviation of log P(i | u) from content");
  plant("jitter", o.jitter, d.jitter, "a client's own deviation from its group's unit preference");
  plant("modality-spread", o.modality_spread, d.modality_spread,
        "how unlike the groups weigh text and images");
  option_for(app, "shuffle-features", o.shuffle_features, d.shuffle_features,
             "control: feature rows permuted over the items")
      ->group("Structure");
  option_for(app, "seed", o.seed, d.seed, "key of all random numbers")->group("Structure");
}

void add_import(CLI::App& app, ImportOptions& o) {
  const ImportOptions d;
  option_for(app, "inter", o.inter, d.inter,
             "table of interactions, its first line naming user, item, timestamp or split_label, "
             "optionally rating, in any order; plain or gzip [path]");
  option_for(
      app, "columns", o.format.columns, d.format.columns,
      "names of the table's columns in their order, - skips one: user,item,rating,timestamp; "
      "empty: its first line has them");
  option_for(app, "delimiter", o.format.delimiter, d.format.delimiter,
             describe("what separates the table's fields; auto: what its first line shows",
                      choices_of<std::optional<Delimiter>>(), "", ""));
  option_for(app, "header", o.format.header, d.format.header,
             describe("with --columns, whether the table's first line is no row; auto: it is none "
                      "where words stand in place of its numbers",
                      choices_of<std::optional<Header>>(), "", ""));
  option_for(app, "text", o.text, d.text, "NPY of text features, one row an item [path]");
  option_for(app, "image", o.image, d.image, "NPY of image features, one row an item [path]");
  option_for(
      app, "item-ids", o.item_ids, d.item_ids,
      "ids of the features' rows in their order: one a line, or a table with a column itemId; "
      "without it row k belongs to item id k [path]");
  option_for(app, "out", o.out, d.out, "data set to write [path]");
  option_for(app, "name", o.name, d.name, "name of the data set; empty: from --out");
  option_for(app, "min-user", o.min_user, d.min_user,
             "k-core filter: fewest interactions of a user");
  option_for(app, "min-item", o.min_item, d.min_item,
             "k-core filter: fewest interactions of an item");
  option_for(app, "overwrite", o.overwrite, d.overwrite, "replace an existing file");
}

void add_train(CLI::App& app, Command& command, std::string& preset, bool& dump) {
  auto& config = command.train;
  const Config standard;
  app.add_option("--preset", preset,
                 cat("settings of a publication; --config and the command line win; list: prints "
                     "all {",
                     preset_names(), "|list}"))
      ->group("Files");
  app.add_option("--config", command.config_file,
                 "TOML file of the same names; the command line wins [path]")
      ->group("Files");
  app.add_flag("--dump-config", dump, "print the effective configuration as TOML and end")
      ->group("Files");
  app.add_flag("--quiet", command.quiet, "print warnings and errors only");
  // The two structs are walked side by side: one is filled, the other shows the defaults.
  for_each_field(config, [&](const ConfigField& field, auto& member) {
    using T = std::remove_reference_t<decltype(member)>;
    T value_by_default{};
    for_each_field(standard, [&](const ConfigField& other, const auto& value) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, T>)
        if (std::string_view(other.name) == field.name) value_by_default = value;
    });
    option_for(
        app, field.name, member, value_by_default,
        describe(field.help, field.rows != nullptr ? joined(field.rows(), "|") : choices_of<T>(),
                 field.unit, field.symbol))
        ->group(text_of(field.section));
  });
}

void add_evaluate(CLI::App& app, EvaluateOptions& o) {
  const EvaluateOptions d;
  option_for(app, "model", o.model, d.model, "result file of `fedfuse train` [path]");
  option_for(app, "data", o.data, d.data, "data set that it was trained on [path]");
  option_for(app, "k", o.k, d.k, "cutoffs of HR and NDCG [items] (K)");
  option_for(
      app, "candidates", o.candidates, d.candidates,
      describe("items that the held-out item is ranked among", choices_of<Candidates>(), "", ""));
  option_for(app, "cold-items", o.cold_items, d.cold_items,
             describe("items in nobody's training set", choices_of<ColdItems>(), "", ""));
  option_for(app, "eval-clients", o.eval_clients, d.eval_clients,
             "clients evaluated; 0: all [clients]");
  option_for(app, "seed", o.seed, d.seed, "key of the sampled candidates and clients");
  option_for(app, "threads", o.threads, d.threads,
             "OpenMP threads a rank; 0: OMP_NUM_THREADS, or the rank's cores");
  option_for(app, "out", o.out, d.out, "also write the numbers as JSON [path]");
  option_for(app, "overwrite", o.overwrite, d.overwrite, "replace an existing --out");
}

void require_value(const std::string& value, const char* option, const char* command) {
  if (value.empty())
    throw InputError(cat("fedfuse ", command, " needs --", option), "it was not given",
                     cat("give --", option, " FILE (`fedfuse ", command, " --help`)"));
}

// For help alone: main.cpp takes it from the line before the program of the target is there.
void add_isa(CLI::App& app) {
  const auto names = isa_names(targets_of_this_build());
  const auto text =
      cat("instruction set; auto: the highest that all ranks have {", joined(names, "|"), "}");
  const auto ignore = [](const std::string&) {};
  const auto add = [&](CLI::App& to) {
    auto* option = to.add_option_function<std::string>("--isa", ignore, text);
    option->default_str(names.front())->group("Target");
  };
  add(app);
  for (auto* sub : app.get_subcommands({})) add(*sub);
}

// CLI11's complaint in our words, with the option that was probably meant.
[[noreturn]] void complain(const CLI::App& app, const CLI::ParseError& e) {
  const CLI::App* at = &app;
  for (const auto* sub : app.get_subcommands()) at = sub;
  const auto help = cat("`fedfuse ", at == &app ? "" : at->get_name() + " ", "--help` lists all");
  if (dynamic_cast<const CLI::ExtrasError*>(&e) != nullptr) {
    auto extras = at->remaining();
    if (extras.empty()) extras = app.remaining(true);
    const auto word = extras.empty() ? std::string() : extras.front();
    std::vector<std::string> known;
    for (const auto* option : at->get_options()) known.push_back(option->get_name());
    if (at == &app)
      for (const auto* sub : app.get_subcommands({})) known.push_back(sub->get_name());
    const auto near = nearest_word(word.substr(0, word.find('=')), known);
    throw InputError(cat("unknown ", word.starts_with('-') ? "option " : "word ", word),
                     "there is no such thing here",
                     near.empty() ? help : cat("did you mean ", near, "? ", help));
  }
  throw InputError(e.what(), "the command line cannot be understood", help);
}

}  // namespace

ParsedLine parse_command_line(const std::vector<std::string>& whole) {
  const auto argv = take_isa(whole).rest;
  Command command;
  command.argv = whole;
  std::string preset;
  bool dump = false;
  CLI::App app{"fedfuse: federated multimodal recommendation, emulated over MPI", "fedfuse"};
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", version_text());
  auto* generate = app.add_subcommand("generate", "make a data set with planted structure");
  auto* import =
      app.add_subcommand("import", "make a data set from a table of interactions and NPY features");
  auto* train = app.add_subcommand("train", "train clients and server, write one result file");
  auto* evaluate = app.add_subcommand(
      "evaluate", "rank with a result file's model: any cutoffs, any candidates");
  auto* info = app.add_subcommand("info", "say in words what a data set or a result file holds");
  auto* table = app.add_subcommand("table", "compare result files, one row each");
  info->add_option("files", command.files, "files of fedfuse")->required();
  table->add_option("files", command.files, "result files")->required();
  auto* completion =
      app.add_subcommand("completion", "print a script that completes words of the shell");
  std::string shell;
  completion->add_option("shell", shell, "{bash}: `source <(fedfuse completion bash)`")
      ->required()
      ->check(CLI::IsMember({"bash"}));

  if (argv.size() > 1 && argv[1] == "train") {
    if (const auto name = value_of(argv, "--preset"); !name.empty() && name != "list")
      apply_preset(command.train, name);
    if (const auto file = value_of(argv, "--config"); !file.empty())
      apply_toml_file(command.train, file);
  }
  add_generate(*generate, command.generate, argv);
  add_import(*import, command.import);
  add_train(*train, command, preset, dump);
  add_evaluate(*evaluate, command.evaluate);
  add_isa(app);

  try {
    // CLI11 takes them in reverse order, without the program's name
    std::vector<std::string> words(argv.rbegin(), argv.rend() - 1);
    app.parse(words);
  } catch (const CLI::CallForVersion&) {
    const Identity own{.data = "", .config = "", .program = program_hash()};
    return {std::nullopt, cat(version_text(), "\n", build_text(), identity_words(own))};
  } catch (const CLI::Success&) {
    for (const auto* sub : app.get_subcommands()) return {std::nullopt, sub->help("fedfuse")};
    return {std::nullopt, app.help()};
  } catch (const CLI::ParseError& e) {
    complain(app, e);
  }
  if (app.get_subcommands().empty())
    throw InputError("no command is given", "fedfuse does one thing at a time",
                     "`fedfuse --help` lists the commands");

  if (completion->parsed()) return {std::nullopt, bash_completion(app)};
  if (train->parsed()) {
    command.kind = Command::Kind::train;
    if (preset == "list") return {std::nullopt, presets_text()};
    if (dump) return {std::nullopt, config_to_toml(command.train)};
    require_value(command.train.files.data, "data", "train");
    require_value(command.train.files.out, "out", "train");
  } else if (generate->parsed()) {
    command.kind = Command::Kind::generate;
    require_value(command.generate.out, "out", "generate");
  } else if (import->parsed()) {
    command.kind = Command::Kind::import;
    require_value(command.import.inter, "inter", "import");
    require_value(command.import.out, "out", "import");
  } else if (evaluate->parsed()) {
    command.kind = Command::Kind::evaluate;
    require_value(command.evaluate.model, "model", "evaluate");
    require_value(command.evaluate.data, "data", "evaluate");
  } else {
    command.kind = table->parsed() ? Command::Kind::table : Command::Kind::info;
  }
  return {std::move(command), ""};
}

}  // namespace fedfuse
