// Philox4x32-10 (Salmon et al., 2011), at the addresses that gradus.random gives to draws.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace gradus {
namespace GRADUS_TARGET {

// Blocks [first, last) of the `count` words at (seed, step, site), into their places in `words`.
// Block b is the counter (b, site, step). Several go side by side, one in each lane.
inline void random_bits(std::uint32_t* words, long first, long last, long count, std::uint64_t seed,
                        std::uint64_t step, std::uint32_t site) {
  // Loops of 16 GCC would unroll before it looks for vectors, and find none: five times slower.
  constexpr long lanes = 32;
  for (long begin = first; begin < last; begin += lanes) {
    std::uint32_t a[lanes], b[lanes], c[lanes], d[lanes];
    for (long l = 0; l < lanes; ++l) {
      a[l] = static_cast<std::uint32_t>(begin + l);
      b[l] = site;
      c[l] = static_cast<std::uint32_t>(step);
      d[l] = static_cast<std::uint32_t>(step >> 32);
    }
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      for (long l = 0; l < lanes; ++l) {
        const std::uint64_t high = std::uint64_t{0xD2511F53U} * a[l];
        const std::uint64_t low = std::uint64_t{0xCD9E8D57U} * c[l];
        a[l] = static_cast<std::uint32_t>(low >> 32) ^ b[l] ^ k0;
        b[l] = static_cast<std::uint32_t>(low);
        c[l] = static_cast<std::uint32_t>(high >> 32) ^ d[l] ^ k1;
        d[l] = static_cast<std::uint32_t>(high);
      }
      k0 += 0x9E3779B9U;
      k1 += 0xBB67AE85U;
    }
    std::uint32_t found[4 * lanes];
    for (long l = 0; l < lanes; ++l) {
      found[4 * l] = a[l];
      found[4 * l + 1] = b[l];
      found[4 * l + 2] = c[l];
      found[4 * l + 3] = d[l];
    }
    const long end = std::min(4 * std::min(begin + lanes, last), count);
    std::memcpy(words + 4 * begin, found, static_cast<std::size_t>(end - 4 * begin) * 4);
  }
}

}  // namespace GRADUS_TARGET
}  // namespace gradus
