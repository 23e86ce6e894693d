// Runs the model of this kit: `run picture.jpg [more pictures]`; `run --check` tries it out.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "kit.h"

namespace {

enum ExitCode { kDone = 0, kWrong = 1, kUnusable = 2 };

const char* const kUsage =
    "usage: run [--json] [--check] [--threads N] [--box X1,Y1,X2,Y2] [--kit DIR] [pictures ...]\n"
    "\n"
    "Runs the model of this kit on pictures (JPEG, PNG, BMP) and prints its answers.\n"
    "  --json             print the answers as JSON\n"
    "  --check            run the examples of the kit; ends with 0 if all are right\n"
    "  --threads N        processor cores for one run (default: 1, with which the examples were made; 0: all of them)\n"
    "  --box X1,Y1,X2,Y2  for models that look at one body, face or hand: where it is, in pixels (default: the whole\n"
    "                     picture)\n"
    "  --kit DIR          the folder with preprocessing.json (default: looked for around this program)\n";

struct Options {
    std::vector<std::string> pictures;
    bool is_json = false, is_check = false, has_box = false;
    int threads = 1;
    std::array<double, 4> box{};
    fs::path kit;

    const std::array<double, 4>* box_or_null() const { return has_box ? &box : nullptr; }
};

std::array<double, 4> parse_box(const std::string& text) {
    std::array<double, 4> box{};
    char rest = '\0';
    const int count = std::sscanf(text.c_str(), "%lf,%lf,%lf,%lf%c", &box[0], &box[1], &box[2], &box[3], &rest);
    if (count != 4) throw UserError("\"" + text + "\" is not x1,y1,x2,y2.");
    if (!(box[0] < box[2] && box[1] < box[3])) {
        throw UserError("\"" + text + "\" has no area: x2 and y2 must be larger than x1 and y1.");
    }
    return box;
}

int parse_threads(const std::string& text) {
    char* end = nullptr;
    const long count = std::strtol(text.c_str(), &end, 10);
    if (text.empty() || *end != '\0' || count < 0 || count > 1024)
        throw UserError("\"" + text + "\" is not a number of cores.");
    return static_cast<int>(count);
}

Options parse(int count, char** arguments) {
    Options options;
    for (int index = 1; index < count; ++index) {
        const std::string argument = arguments[index];
        const auto value = [&] {
            if (index + 1 >= count) throw UserError(argument + " needs a value.");
            return std::string(arguments[++index]);
        };
        if (argument == "--json") {
            options.is_json = true;
        } else if (argument == "--check") {
            options.is_check = true;
        } else if (argument == "--threads") {
            options.threads = parse_threads(value());
        } else if (argument == "--box") {
            options.box = parse_box(value());
            options.has_box = true;
        } else if (argument == "--kit") {
            options.kit = value();
        } else if (argument.rfind("--", 0) == 0) {
            throw UserError(argument + " is no option. --help tells them.");
        } else {
            options.pictures.push_back(argument);
        }
    }
    return options;
}

// The kit lies above cpp/build, or cpp/build/Release.
fs::path find_kit(const fs::path& program) {
    std::error_code ignored;
    fs::path folder = fs::absolute(program, ignored).parent_path();
    for (int levels = 0; levels < 5; ++levels, folder = folder.parent_path()) {
        if (fs::is_regular_file(folder / "preprocessing.json", ignored)) return folder;
    }
    return fs::current_path();
}

// Text for a terminal, without the orders that a name may hold: control characters, and those that turn its direction.
std::string printable(const std::string& text) {
    std::string shown;
    for (size_t place = 0; place < text.size(); ++place) {
        const auto byte = static_cast<unsigned char>(text[place]);
        const auto next = static_cast<unsigned char>(place + 1 < text.size() ? text[place + 1] : 0);
        const auto after = static_cast<unsigned char>(place + 2 < text.size() ? text[place + 2] : 0);
        const bool is_c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;
        const bool is_turn =
            byte == 0xE2 && ((next == 0x80 && ((after >= 0x8B && after <= 0x8F) || (after >= 0xA8 && after <= 0xAE))) ||
                             (next == 0x81 && after >= 0xA0 && after <= 0xAF));
        if (byte < 0x20 || byte == 0x7F || is_c1 || is_turn) {
            shown += format("\\x%02x", byte);
        } else {
            shown += text[place];
        }
    }
    return shown;
}

void print(const std::string& text, std::ostream& stream = std::cout) {
    stream << printable(text) << '\n';
}

// Runs the examples, and says of each whether the answer is the expected one.
int check(Kit& kit) {
    const Json expected = read_json(kit.folder() / "examples" / "expected.json");
    const Json& examples = expected.at("examples");
    if (examples.empty()) {
        print("This kit has no examples: there were no test pictures when it was made. Try it on your own.");
        return kDone;
    }
    size_t right = 0;
    for (const Json& one : examples) {
        const std::string file = one.at("file");
        std::array<double, 4> box{};
        const bool has_box = one.contains("box");
        if (has_box) box = one.at("box").get<std::array<double, 4>>();
        const Picture picture = read_picture(kit.folder() / "examples" / fs::u8path(file));
        const Verdict verdict = task::compare(one.at("answer"), kit.answer(picture, has_box ? &box : nullptr));
        right += verdict.is_right ? 1 : 0;
        print(file + ": " + verdict.words);
    }
    const std::string count = std::to_string(examples.size());
    print(right < examples.size() ? std::to_string(right) + " of " + count + " answers are as expected."
                                  : "All " + count + " answers are as expected.");
    return right == examples.size() ? kDone : kWrong;
}

// Answers for each picture, in words or as JSON; one that cannot be used is told, and does not stop the others.
int answer_all(Kit& kit, const Options& options) {
    Json all = Json::array();
    bool is_failed = false;
    for (const std::string& path : options.pictures) {
        Json answer;
        try {
            answer = kit.answer(read_picture(fs::path(path)), options.box_or_null());
        } catch (const UserError& error) {
            is_failed = true;
            print(path + ": " + error.what(), std::cerr);
            continue;
        }
        if (!options.is_json) {
            const bool has_several = options.pictures.size() > 1;
            if (has_several) print(path + ":");
            for (const std::string& line : task::words(answer)) print((has_several ? "  " : "") + line);
        }
        all.push_back({{"file", path}, {"answer", answer}});
    }
    if (options.is_json) std::cout << all.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    return is_failed ? kWrong : kDone;
}

int run(int count, char** arguments) {
    const Options options = parse(count, arguments);
    if (!options.is_check && options.pictures.empty()) {
        std::cerr << kUsage << "\nGive a picture, or --check.\n";
        return kUnusable;
    }
    Kit kit(options.kit.empty() ? find_kit(arguments[0]) : options.kit, options.threads);
    if (options.has_box && kit.settings().at("object_crop").is_null()) {
        throw UserError("This model looks at whole pictures; leave --box out.");
    }
    return options.is_check ? check(kit) : answer_all(kit, options);
}

}  // namespace

int main(int count, char** arguments) {
    for (int index = 1; index < count; ++index) {
        if (std::string(arguments[index]) == "--help" || std::string(arguments[index]) == "-h") {
            std::cout << kUsage;
            return kDone;
        }
    }
    try {
        return run(count, arguments);
    } catch (const UserError& error) {
        print(error.what(), std::cerr);
    } catch (const std::exception& error) {
        print(std::string("A file of the kit is damaged, or the model does not fit it. Unpack the kit again. (") +
                  error.what() + ")",
              std::cerr);
    }
    return kUnusable;
}
