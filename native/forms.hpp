// Made by native/forms.py. Each chain once, with the first step or prediction that has it.
#pragma once

namespace gradus {
namespace GRADUS_TARGET {

inline constexpr Form forms[] = {
    // ReLU, softmax
    {3, 3, {0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"less_equal", 3, 2, 2, true},
         {"where", 4, 2, 3, true},
     }}},
    // ReLU, softmax
    {2, 1, {0, 0}, {{
         {"add", 0, 1, 1, true},
     }}},
    // ReLU, softmax
    {2, 2, {0, 0}, {{
         {"subtract", 0, 1, 1, true},
         {"exp", 2, 2, 2, true},
     }}},
    // ReLU, softmax
    {1, 1, {0}, {{
         {"log", 0, 0, 0, true},
     }}},
    // ReLU, softmax
    {2, 2, {0, 0}, {{
         {"subtract", 0, 1, 1, false},
         {"negative", 2, 2, 2, true},
     }}},
    // ReLU, softmax
    {2, 1, {0, 0}, {{
         {"divide", 0, 1, 1, true},
     }}},
    // ReLU, softmax
    {3, 3, {0, 0, 0}, {{
         {"negative", 0, 0, 0, false},
         {"multiply", 1, 2, 2, false},
         {"add", 3, 4, 4, true},
     }}},
    // ReLU, softmax
    {3, 1, {1, 0, 0}, {{
         {"where", 0, 1, 2, true},
     }}},
    // ReLU, softmax
    {3, 2, {0, 0, 0}, {{
         {"multiply", 0, 1, 1, false},
         {"subtract", 2, 3, 3, true},
     }}},
    // ReLU, softmax: prediction
    {3, 3, {0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"less_equal", 3, 2, 2, false},
         {"where", 4, 2, 3, true},
     }}},
    // ReLU, softmax
    {2, 2, {0, 0}, {{
         {"less_equal", 0, 1, 1, true},
         {"where", 2, 1, 0, true},
     }}},
    // ReLU, softmax: prediction
    {2, 2, {0, 0}, {{
         {"less_equal", 0, 1, 1, false},
         {"where", 2, 1, 0, true},
     }}},
    // ReLU, squared error
    {4, 4, {0, 0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"subtract", 4, 2, 2, false},
         {"square", 5, 5, 5, true},
         {"multiply", 3, 5, 5, true},
     }}},
    // ReLU, squared error
    {3, 3, {0, 0, 0}, {{
         {"subtract", 0, 1, 1, false},
         {"square", 3, 3, 3, true},
         {"multiply", 2, 3, 3, true},
     }}},
    // ReLU, squared error of sigmoids
    {5, 8, {0, 0, 0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"sigmoid", 5, 5, 5, false},
         {"subtract", 6, 2, 2, false},
         {"square", 7, 7, 7, true},
         {"multiply", 3, 7, 7, false},
         {"subtract", 4, 6, 6, false},
         {"multiply", 6, 10, 10, false},
         {"multiply", 9, 11, 11, true},
     }}},
    // ReLU, squared error of sigmoids: prediction
    {2, 2, {0, 0}, {{
         {"add", 0, 1, 1, false},
         {"sigmoid", 2, 2, 2, true},
     }}},
    // ReLU, squared error of sigmoids
    {4, 7, {0, 0, 0, 0}, {{
         {"sigmoid", 0, 0, 0, false},
         {"subtract", 4, 1, 1, false},
         {"square", 5, 5, 5, true},
         {"multiply", 2, 5, 5, false},
         {"subtract", 3, 4, 4, false},
         {"multiply", 4, 8, 8, false},
         {"multiply", 7, 9, 9, true},
     }}},
    // ReLU, squared error of sigmoids: prediction
    {1, 1, {0}, {{
         {"sigmoid", 0, 0, 0, true},
     }}},
    // ReLU, yes or no
    {6, 18, {0, 0, 0, 0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"negative", 6, 6, 6, false},
         {"logaddexp", 7, 2, 2, false},
         {"multiply", 3, 8, 8, false},
         {"subtract", 4, 3, 3, false},
         {"logaddexp", 6, 2, 2, false},
         {"multiply", 10, 11, 11, false},
         {"add", 9, 12, 12, true},
         {"multiply", 5, 10, 10, false},
         {"subtract", 6, 2, 2, false},
         {"sigmoid", 15, 15, 15, false},
         {"multiply", 14, 16, 16, false},
         {"multiply", 5, 3, 3, false},
         {"subtract", 7, 2, 2, false},
         {"sigmoid", 19, 19, 19, false},
         {"multiply", 18, 20, 20, false},
         {"negative", 21, 21, 21, false},
         {"add", 17, 22, 22, true},
     }}},
    // ReLU, yes or no
    {5, 17, {0, 0, 0, 0, 0}, {{
         {"negative", 0, 0, 0, false},
         {"logaddexp", 5, 1, 1, false},
         {"multiply", 2, 6, 6, false},
         {"subtract", 3, 2, 2, false},
         {"logaddexp", 0, 1, 1, false},
         {"multiply", 8, 9, 9, false},
         {"add", 7, 10, 10, true},
         {"multiply", 4, 8, 8, false},
         {"subtract", 0, 1, 1, false},
         {"sigmoid", 13, 13, 13, false},
         {"multiply", 12, 14, 14, false},
         {"multiply", 4, 2, 2, false},
         {"subtract", 5, 1, 1, false},
         {"sigmoid", 17, 17, 17, false},
         {"multiply", 16, 18, 18, false},
         {"negative", 19, 19, 19, false},
         {"add", 15, 20, 20, true},
     }}},
    // Tanh, softmax
    {3, 4, {0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"tanh", 3, 3, 3, true},
         {"multiply", 4, 4, 4, false},
         {"subtract", 2, 5, 5, true},
     }}},
    // Tanh, softmax
    {2, 1, {0, 0}, {{
         {"multiply", 0, 1, 1, true},
     }}},
    // Tanh, softmax: prediction
    {2, 2, {0, 0}, {{
         {"add", 0, 1, 1, false},
         {"tanh", 2, 2, 2, true},
     }}},
    // Tanh, softmax
    {2, 3, {0, 0}, {{
         {"tanh", 0, 0, 0, true},
         {"multiply", 2, 2, 2, false},
         {"subtract", 1, 3, 3, true},
     }}},
    // Tanh, softmax: prediction
    {1, 1, {0}, {{
         {"tanh", 0, 0, 0, true},
     }}},
    // Sigmoid, softmax
    {3, 4, {0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"sigmoid", 3, 3, 3, true},
         {"subtract", 2, 4, 4, false},
         {"multiply", 4, 5, 5, true},
     }}},
    // Sigmoid, softmax
    {2, 3, {0, 0}, {{
         {"sigmoid", 0, 0, 0, true},
         {"subtract", 1, 2, 2, false},
         {"multiply", 2, 3, 3, true},
     }}},
    // LeakyReLU, softmax
    {4, 4, {0, 0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"greater", 4, 2, 2, true},
         {"multiply", 3, 4, 4, false},
         {"where", 5, 4, 6, true},
     }}},
    // LeakyReLU, softmax
    {4, 4, {1, 0, 0, 0}, {{
         {"where", 0, 1, 2, false},
         {"where", 0, 2, 1, false},
         {"multiply", 5, 3, 3, false},
         {"add", 4, 6, 6, true},
     }}},
    // LeakyReLU, softmax: prediction
    {4, 4, {0, 0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"greater", 4, 2, 2, false},
         {"multiply", 3, 4, 4, false},
         {"where", 5, 4, 6, true},
     }}},
    // LeakyReLU, softmax
    {3, 3, {0, 0, 0}, {{
         {"greater", 0, 1, 1, true},
         {"multiply", 2, 0, 0, false},
         {"where", 3, 0, 4, true},
     }}},
    // LeakyReLU, softmax: prediction
    {3, 3, {0, 0, 0}, {{
         {"greater", 0, 1, 1, false},
         {"multiply", 2, 0, 0, false},
         {"where", 3, 0, 4, true},
     }}},
    // GELU, softmax
    {6, 10, {0, 0, 0, 0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"multiply", 2, 6, 6, true},
         {"multiply", 6, 3, 3, false},
         {"erf", 8, 8, 8, false},
         {"add", 4, 9, 9, true},
         {"multiply", 7, 10, 10, true},
         {"multiply", 8, 8, 8, false},
         {"negative", 12, 12, 12, false},
         {"exp", 13, 13, 13, false},
         {"multiply", 5, 14, 14, true},
     }}},
    // GELU, softmax
    {6, 6, {0, 0, 0, 0, 0, 0}, {{
         {"multiply", 0, 1, 1, false},
         {"multiply", 0, 2, 2, false},
         {"multiply", 7, 3, 3, false},
         {"multiply", 8, 4, 4, false},
         {"multiply", 6, 5, 5, false},
         {"add", 9, 10, 10, true},
     }}},
    // GELU, softmax: prediction
    {5, 6, {0, 0, 0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"multiply", 2, 5, 5, false},
         {"multiply", 5, 3, 3, false},
         {"erf", 7, 7, 7, false},
         {"add", 4, 8, 8, false},
         {"multiply", 6, 9, 9, true},
     }}},
    // GELU, softmax
    {5, 9, {0, 0, 0, 0, 0}, {{
         {"multiply", 0, 1, 1, true},
         {"multiply", 1, 2, 2, false},
         {"erf", 6, 6, 6, false},
         {"add", 3, 7, 7, true},
         {"multiply", 5, 8, 8, true},
         {"multiply", 6, 6, 6, false},
         {"negative", 10, 10, 10, false},
         {"exp", 11, 11, 11, false},
         {"multiply", 4, 12, 12, true},
     }}},
    // GELU, softmax: prediction
    {4, 5, {0, 0, 0, 0}, {{
         {"multiply", 0, 1, 1, false},
         {"multiply", 1, 2, 2, false},
         {"erf", 5, 5, 5, false},
         {"add", 3, 6, 6, false},
         {"multiply", 4, 7, 7, true},
     }}},
    // SiLU, softmax
    {3, 5, {0, 0, 0}, {{
         {"add", 0, 1, 1, true},
         {"sigmoid", 3, 3, 3, true},
         {"multiply", 3, 4, 4, true},
         {"subtract", 2, 4, 4, false},
         {"multiply", 4, 6, 6, true},
     }}},
    // SiLU, softmax
    {4, 4, {0, 0, 0, 0}, {{
         {"multiply", 0, 1, 1, false},
         {"multiply", 0, 2, 2, false},
         {"multiply", 5, 3, 3, false},
         {"add", 4, 6, 6, true},
     }}},
    // SiLU, softmax: prediction
    {2, 3, {0, 0}, {{
         {"add", 0, 1, 1, false},
         {"sigmoid", 2, 2, 2, false},
         {"multiply", 2, 3, 3, true},
     }}},
    // SiLU, softmax
    {2, 4, {0, 0}, {{
         {"sigmoid", 0, 0, 0, true},
         {"multiply", 0, 2, 2, true},
         {"subtract", 1, 2, 2, false},
         {"multiply", 2, 4, 4, true},
     }}},
    // SiLU, softmax: prediction
    {1, 2, {0}, {{
         {"sigmoid", 0, 0, 0, false},
         {"multiply", 0, 1, 1, true},
     }}},
    // ELU, softmax
    {4, 6, {0, 0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"greater", 4, 2, 2, true},
         {"where", 5, 2, 4, false},
         {"expm1", 6, 6, 6, false},
         {"where", 5, 4, 7, true},
         {"add", 7, 3, 3, true},
     }}},
    // ELU, softmax
    {4, 5, {1, 0, 0, 0}, {{
         {"where", 0, 1, 2, false},
         {"where", 0, 2, 1, false},
         {"multiply", 5, 3, 3, false},
         {"where", 0, 2, 6, false},
         {"add", 4, 7, 7, true},
     }}},
    // ELU, softmax: prediction
    {3, 5, {0, 0, 0}, {{
         {"add", 0, 1, 1, false},
         {"greater", 3, 2, 2, false},
         {"where", 4, 2, 3, false},
         {"expm1", 5, 5, 5, false},
         {"where", 4, 3, 6, true},
     }}},
    // ELU, softmax
    {3, 5, {0, 0, 0}, {{
         {"greater", 0, 1, 1, true},
         {"where", 3, 1, 0, false},
         {"expm1", 4, 4, 4, false},
         {"where", 3, 0, 5, true},
         {"add", 5, 2, 2, true},
     }}},
    // ELU, softmax: prediction
    {2, 4, {0, 0}, {{
         {"greater", 0, 1, 1, false},
         {"where", 2, 1, 0, false},
         {"expm1", 3, 3, 3, false},
         {"where", 2, 0, 4, true},
     }}},
    // SGD with momentum
    {6, 5, {0, 0, 0, 0, 0, 0}, {{
         {"multiply", 0, 1, 1, false},
         {"multiply", 2, 3, 3, false},
         {"add", 6, 7, 7, true},
         {"multiply", 4, 8, 8, false},
         {"subtract", 5, 9, 9, true},
     }}},
    // Adam
    {12, 14, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {{
         {"multiply", 0, 1, 1, false},
         {"multiply", 2, 3, 3, false},
         {"add", 12, 13, 13, true},
         {"multiply", 4, 5, 5, false},
         {"square", 3, 3, 3, false},
         {"multiply", 6, 16, 16, false},
         {"add", 15, 17, 17, true},
         {"sqrt", 18, 18, 18, false},
         {"multiply", 19, 7, 7, false},
         {"multiply", 14, 8, 8, false},
         {"add", 20, 9, 9, false},
         {"divide", 21, 22, 22, false},
         {"multiply", 10, 23, 23, false},
         {"subtract", 11, 24, 24, true},
     }}},
    // AdamW
    {13, 15, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {{
         {"multiply", 0, 1, 1, false},
         {"multiply", 2, 3, 3, false},
         {"add", 13, 14, 14, true},
         {"multiply", 4, 5, 5, false},
         {"square", 3, 3, 3, false},
         {"multiply", 6, 17, 17, false},
         {"add", 16, 18, 18, true},
         {"sqrt", 19, 19, 19, false},
         {"multiply", 20, 7, 7, false},
         {"multiply", 15, 8, 8, false},
         {"add", 21, 9, 9, false},
         {"divide", 22, 23, 23, false},
         {"multiply", 10, 11, 11, false},
         {"multiply", 12, 24, 24, false},
         {"subtract", 25, 26, 26, true},
     }}},
    // RMSprop
    {7, 9, {0, 0, 0, 0, 0, 0, 0}, {{
         {"multiply", 0, 1, 1, false},
         {"square", 2, 2, 2, false},
         {"multiply", 3, 8, 8, false},
         {"add", 7, 9, 9, true},
         {"sqrt", 10, 10, 10, false},
         {"add", 11, 4, 4, false},
         {"divide", 2, 12, 12, false},
         {"multiply", 5, 13, 13, false},
         {"subtract", 6, 14, 14, true},
     }}},
};

}  // namespace GRADUS_TARGET
}  // namespace gradus
