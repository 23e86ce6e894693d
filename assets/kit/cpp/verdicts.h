// Whether an answer is the expected one.
#pragma once

#include <string>

#include "json.h"

// On a processor of the same kind the answers are the same up to here.
constexpr double kScoreTolerance = 1e-3, kPixelTolerance = 1.0;
// Another processor, arithmetic in 16 bit, or another JPEG decoder rounds differently: up to here it is the same
// answer.
constexpr double kCloseScore = 0.05;
// Likewise the least overlap (IoU) of two boxes or areas.
constexpr double kCloseOverlap = 0.8;

struct Verdict {
    bool is_right = false;
    std::string words;
};

inline Verdict same() {
    return {true, "the expected answer"};
}

// Another answer.
inline Verdict different(const std::string& why) {
    return {false, "NOT the expected answer: " + why};
}

// The verdict on the same objects, points or classes, by how far their numbers differ at most.
inline Verdict within(double score, double pixels = 0.0) {
    if (score <= kScoreTolerance && pixels <= kPixelTolerance) return same();
    const std::string moved = pixels > kPixelTolerance ? format(", places by up to %.1f pixels", pixels) : "";
    const std::string told = format("scores differ by up to %.3f", score) + moved;
    if (score > kCloseScore) return different(told);
    return {true,
            "the expected answer; " + told + ", as they do where another processor or JPEG decoder rounds differently"};
}
