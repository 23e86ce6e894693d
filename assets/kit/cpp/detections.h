// What the heads of detectors share: objects, tables of outputs, scores from logits, grids of cells, suppression.
//
// Boxes are x1, y1, x2, y2 in pixels of the model's input, unless a function says otherwise.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "json.h"
#include "preprocessing.h"
#include "tensor.h"

struct Point {
    float x = 0.0F, y = 0.0F, score = 1.0F;
};

struct Object {
    Box box{};
    float score = 0.0F;
    int64_t label = 0;
    float angle = 0.0F;  // of rotated boxes: radians clockwise about the centre of the box
    std::vector<Point> points;
    int64_t row = 0;  // where it stands in the outputs
};

struct Found {
    std::vector<Object> objects;
    bool has_angles = false;
    // Logits of the mask of an object, over the whole input; empty where the model gives no masks. Called only for the
    // objects that are left after suppression.
    std::function<Grid(const Object&)> mask;
};

// A table of numbers, row by row.
struct Table {
    int64_t rows = 0;
    int64_t columns = 0;
    std::vector<float> values;

    const float* operator[](int64_t row) const { return &values[static_cast<size_t>(row * columns)]; }
};

// The first picture of the batch as it is written, in rows of so many numbers.
inline Table as_rows(const Tensor& tensor, int64_t columns) {
    const int64_t count = tensor.size_of_one();
    return {count / columns, columns, {tensor.values.begin(), tensor.values.begin() + count}};
}

// The first picture of an output (1, rows, columns).
inline Table table(const Tensor& tensor) {
    return as_rows(tensor, tensor.side(-1));
}

inline Table transposed(const Table& table) {
    Table made{table.columns, table.rows, std::vector<float>(table.values.size())};
    for (int64_t row = 0; row < table.rows; ++row) {
        for (int64_t column = 0; column < table.columns; ++column)
            made.values[column * table.rows + row] = table[row][column];
    }
    return made;
}

// Outputs of several strides one after another, as a table of so many columns.
//
// Each is (1, boxes of a cell x columns, height, width), (1, n, columns) or (n, columns).
inline Table rows_of(const Tensors& outputs, const std::vector<std::string>& names, int64_t columns) {
    Table made{0, columns, {}};
    for (const std::string& name : names) {
        const Tensor& tensor = get(outputs, name);
        if (tensor.axes() == 2) {
            made.values.insert(made.values.end(), tensor.values.begin(), tensor.values.end());
        } else if (tensor.axes() < 4) {
            made.values.insert(made.values.end(), tensor.values.begin(), tensor.values.begin() + tensor.size_of_one());
        } else {
            const int64_t cells = tensor.side(2) * tensor.side(3), per_cell = tensor.side(1) / columns;
            for (int64_t cell = 0; cell < cells; ++cell) {
                for (int64_t index = 0; index < per_cell * columns; ++index)
                    made.values.push_back(tensor.values[index * cells + cell]);
            }
        }
    }
    made.rows = static_cast<int64_t>(made.values.size()) / columns;
    return made;
}

inline Table rows_of(const Tensors& outputs, const Json& names, int64_t columns) {
    return rows_of(outputs, names.is_array() ? names.get<std::vector<std::string>>() : std::vector<std::string>{names},
                   columns);
}

inline float sigmoid(float value) {
    return 1.0F / (1.0F + std::exp(-std::min(80.0F, std::max(-80.0F, value))));
}

// The inverse of the sigmoid; minus or plus infinity outside 0 to 1.
inline float logit(float share) {
    if (share <= 0.0F) return -std::numeric_limits<float>::infinity();
    if (share >= 1.0F) return std::numeric_limits<float>::infinity();
    return static_cast<float>(std::log(double(share) / (1.0 - double(share))));
}

// Of the logarithm of a size: exp(10) times an anchor is larger than any picture, and stays finite.
inline float exponential(float value) {
    return std::exp(std::min(value, 10.0F));
}

inline std::vector<float> softmax(const float* values, int64_t count) {
    std::vector<float> shares(values, values + count);
    const float most = *std::max_element(shares.begin(), shares.end());
    float sum = 0.0F;
    for (float& share : shares) sum += share = std::exp(share - most);
    for (float& share : shares) share /= sum;
    return shares;
}

inline Table sigmoid(Table table) {
    for (float& value : table.values) value = sigmoid(value);
    return table;
}

inline Table softmax(Table table) {
    for (int64_t row = 0; row < table.rows; ++row) {
        const auto shares = softmax(table[row], table.columns);
        std::copy(shares.begin(), shares.end(), table.values.begin() + row * table.columns);
    }
    return table;
}

// The rows whose best score is `least` or more, with that score and its class, which is counted from `first`.
inline std::vector<Object> best_of(const Table& scores, float least, int64_t first = 0, int64_t end = -1) {
    std::vector<Object> found;
    const int64_t count = (end < 0 ? scores.columns : end) - first;
    for (int64_t row = 0; row < scores.rows; ++row) {
        const float* values = scores[row] + first;
        const int64_t best = largest(values, count);
        if (!(values[best] >= least)) continue;
        Object object;
        object.row = row;
        object.score = values[best];
        object.label = best;
        found.push_back(object);
    }
    return found;
}

// The same for logits of independent classes.
inline std::vector<Object> best_of_logits(const Table& logits, float least, int64_t first = 0, int64_t end = -1) {
    std::vector<Object> found = best_of(logits, logit(least), first, end);
    for (Object& object : found) object.score = sigmoid(object.score);
    return found;
}

inline std::vector<Object> best_of_either(const Table& values, float least, bool is_activated) {
    return is_activated ? best_of(values, least) : best_of_logits(values, least);
}

// Times a second score of the same rows; those that fall below `least` go.
inline std::vector<Object> times_quality(std::vector<Object> objects, const Table& quality, float least,
                                         bool is_activated) {
    std::vector<Object> kept;
    for (Object& object : objects) {
        const float value = quality[object.row][0];
        object.score *= is_activated ? value : sigmoid(value);
        if (object.score >= least) kept.push_back(std::move(object));
    }
    return kept;
}

// A box from its centre, width and height.
inline Box from_center(float x, float y, float width, float height) {
    return {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
}

inline Box from_center(const float* values) {
    return from_center(values[0], values[1], values[2], values[3]);
}

inline Box as_box(const float* values) {
    return {values[0], values[1], values[2], values[3]};
}

// Four numbers in shares of the input, in pixels.
inline Box to_pixels(const Box& box, Size size) {
    const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
    return {box[0] * width, box[1] * height, box[2] * width, box[3] * height};
}

struct Cell {
    float x = 0.0F, y = 0.0F, stride = 0.0F;  // in pixels
};

// The place of each cell, stride by stride, row by row; offset is 0.5 for the middle of a cell, 0 for its corner.
inline std::vector<Cell> cells(Size size, const std::vector<int>& strides, float offset, int64_t per_cell = 1) {
    std::vector<Cell> made;
    for (int stride : strides) {
        const int rows = (size.height + stride - 1) / stride, columns = (size.width + stride - 1) / stride;
        for (int row = 0; row < rows; ++row) {
            for (int column = 0; column < columns; ++column) {
                const auto wide = static_cast<float>(stride);
                made.insert(made.end(), static_cast<size_t>(per_cell),
                            {(column + offset) * wide, (row + offset) * wide, wide});
            }
        }
    }
    return made;
}

inline std::vector<Cell> cells(Size size, const Json& strides, float offset, int64_t per_cell = 1) {
    return cells(size, strides.get<std::vector<int>>(), offset, per_cell);
}

// A box by the distances of its left, top, right and bottom sides from a place, in units of so many pixels.
inline Box from_distances(const Cell& cell, const float* distances, float unit = 1.0F) {
    return {cell.x - distances[0] * unit, cell.y - distances[1] * unit, cell.x + distances[2] * unit,
            cell.y + distances[3] * unit};
}

// A box by the shift of its centre and the logarithm of its size, in strides.
inline Box from_shift(const Cell& cell, const float* values) {
    return from_center(cell.x + values[0] * cell.stride, cell.y + values[1] * cell.stride,
                       exponential(values[2]) * cell.stride, exponential(values[3]) * cell.stride);
}

// A prior box (anchor), in pixels.
struct Prior {
    float x = 0.0F, y = 0.0F, width = 0.0F, height = 0.0F;
};

inline Box from_prior(const Prior& prior, const float* deltas, const std::vector<float>& variances) {
    return from_center(
        prior.x + deltas[0] * variances[0] * prior.width, prior.y + deltas[1] * variances[0] * prior.height,
        prior.width * exponential(deltas[2] * variances[1]), prior.height * exponential(deltas[3] * variances[1]));
}

// Points x, y, x, y ... in units from a place.
inline std::vector<Point> points_around(const Cell& cell, const float* values, int64_t count, float unit) {
    std::vector<Point> points;
    for (int64_t index = 0; index < count; ++index) {
        points.push_back({cell.x + values[2 * index] * unit, cell.y + values[2 * index + 1] * unit, 1.0F});
    }
    return points;
}

// What follows boxes and scores in Ultralytics' outputs: points, an angle, or weights of masks.
class Extras {
  public:
    // extras: of the head; outputs: which must live as long as masks are asked for.
    Extras(const Json& extras, const Tensors& outputs) : kind_(extras.at("kind")) {
        if (kind_ == "masks") prototypes_ = &get(outputs, extras.at("prototypes"));
        if (kind_ == "keypoints") {
            point_size_ = extras.at("point_size");
            count_ = extras.at("count");
        }
    }

    // Reads what stands at `values` for an object.
    //
    // across, down: what points are multiplied by to be in pixels.
    void read(const float* values, Object& object, float across = 1.0F, float down = 1.0F) const {
        if (kind_ == "angle") object.angle = values[0];
        for (int64_t at = 0; at + point_size_ <= count_; at += point_size_) {
            object.points.push_back(
                {values[at] * across, values[at + 1] * down, point_size_ > 2 ? values[at + 2] : 1.0F});
        }
    }

    // Masks by weights from column `first` of a table on: weights x prototypes.
    void finish(Found& found, Table table, int64_t first) const {
        found.has_angles = kind_ == "angle";
        if (kind_ != "masks") return;
        const auto rows = std::make_shared<Table>(std::move(table));
        const Tensor* prototypes = prototypes_;
        found.mask = [rows, first, prototypes](const Object& object) {
            const int64_t count = prototypes->side(1), cells = prototypes->side(2) * prototypes->side(3);
            Grid grid{static_cast<int>(prototypes->side(3)), static_cast<int>(prototypes->side(2)),
                      std::vector<float>(static_cast<size_t>(cells))};
            for (int64_t index = 0; index < count; ++index) {
                const float weight = (*rows)[object.row][first + index];
                const float* prototype = &prototypes->values[static_cast<size_t>(index * cells)];
                for (int64_t cell = 0; cell < cells; ++cell) grid.values[cell] += weight * prototype[cell];
            }
            return grid;
        };
    }

  private:
    std::string kind_;
    const Tensor* prototypes_ = nullptr;
    int64_t point_size_ = 1, count_ = 0;
};

// Overlap (IoU) of two boxes.
inline float overlap_of(const Box& a, const Box& b) {
    const auto area = [](const Box& box) { return std::max(box[2] - box[0], 0.0F) * std::max(box[3] - box[1], 0.0F); };
    const float width = std::min(a[2], b[2]) - std::max(a[0], b[0]),
                height = std::min(a[3], b[3]) - std::max(a[1], b[1]);
    const float common = std::max(width, 0.0F) * std::max(height, 0.0F);
    return common / std::max(area(a) + area(b) - common, 1e-7F);
}

// Of two rotated boxes: ProbIoU (Llerena et al., 2021), 1 - the Hellinger distance of the Gaussian distributions that
// the boxes stand for.
inline float rotated_overlap_of(const Object& one, const Object& other) {
    struct Gaussian {
        double x, y, a, b, c;
    };
    const auto gaussian = [](const Object& object) {
        const double width = double(object.box[2]) - object.box[0], height = double(object.box[3]) - object.box[1];
        const double along = width * width / 12, across = height * height / 12;
        const double cos = std::cos(double(object.angle)), sin = std::sin(double(object.angle));
        return Gaussian{(double(object.box[0]) + object.box[2]) / 2, (double(object.box[1]) + object.box[3]) / 2,
                        along * cos * cos + across * sin * sin, along * sin * sin + across * cos * cos,
                        (along - across) * cos * sin};
    };
    const Gaussian p = gaussian(one), q = gaussian(other);
    const double dx = q.x - p.x, dy = q.y - p.y, a = p.a + q.a, b = p.b + q.b, c = p.c + q.c;
    const double determinant = a * b - c * c, tiny = 1e-7;
    const double own = std::max(p.a * p.b - p.c * p.c, 0.0) * std::max(q.a * q.b - q.c * q.c, 0.0);
    const double distance = (a * dy * dy + b * dx * dx - 2 * c * dx * dy) / (determinant + tiny) / 4;
    const double spread = determinant / (4 * std::sqrt(own) + tiny) + tiny;
    const double bhattacharyya = std::min(100.0, std::max(tiny, distance + std::log(spread) / 2));
    return static_cast<float>(1 - std::sqrt(1 - std::exp(-bhattacharyya)));
}

// Greedy non-maximum suppression (NMS): boxes that overlap a better one of their class by more than `iou` go. The rest,
// the best first, are at most `most`.
inline void suppress(Found& found, float iou, size_t most) {
    std::stable_sort(found.objects.begin(), found.objects.end(),
                     [](const Object& a, const Object& b) { return a.score > b.score; });
    std::vector<Object> kept;
    for (Object& object : found.objects) {
        if (kept.size() >= most) break;
        const bool is_covered = !std::isinf(iou) && std::any_of(kept.begin(), kept.end(), [&](const Object& better) {
            if (better.label != object.label) return false;
            return (found.has_angles ? rotated_overlap_of(better, object) : overlap_of(better.box, object.box)) > iou;
        });
        if (!is_covered) kept.push_back(std::move(object));
    }
    found.objects = std::move(kept);
}
