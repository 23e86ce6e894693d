// What is told instead of a crash.
#pragma once

#include <stdexcept>

// Something that the person who runs the program can mend; its text says what and how.
class UserError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};
