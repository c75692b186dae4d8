"""The coefficients of native/vecmath_constants.hpp, by Remez' exchange algorithm. Needs mpmath."""

from mpmath import atanh, cos, erf, erfc, exp, expm1, log, log1p, mp, mpf, pi, sin, sqrt, tanh

mp.prec = 260


def solve(rows):
    """Gaussian elimination; each row ends with its right-hand side."""
    n = len(rows)
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]) / max(map(abs, rows[r][:n])))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i], strict=True)]
    x = [mpf(0)] * n
    for i in reversed(range(n)):
        x[i] = (rows[i][n] - sum(rows[i][j] * x[j] for j in range(i + 1, n))) / rows[i][i]
    return x


def minimax(f, weight, degree, low, high, grid=1500):
    """The polynomial p with the least max |weight (f - p)| on [low, high], and that maximum."""
    low, high = mpf(low), mpf(high)
    points = degree + 2
    middle, half = (low + high) / 2, (high - low) / 2
    xs = [middle - half * cos(pi * (2 * i + 1) / (2 * points)) for i in range(points)]
    samples = [middle - half * cos(pi * i / grid) for i in range(grid + 1)]
    table = [(x, f(x), weight(x)) for x in samples]
    for _ in range(12):
        # On the points, the error is to alternate between +level and -level.
        *c, level = solve(
            [
                [x**j for j in range(degree + 1)] + [(-1) ** i / weight(x), f(x)]
                for i, x in enumerate(xs)
            ]
        )
        errors = [w * (y - sum(k * x**j for j, k in enumerate(c))) for x, y, w in table]
        # Exchange them for the largest error of each run of one sign.
        peaks = []
        for i, e in enumerate(errors):
            if not peaks or (errors[peaks[-1]] > 0) != (e > 0):
                peaks.append(i)
            elif abs(e) > abs(errors[peaks[-1]]):
                peaks[-1] = i
        while len(peaks) > points:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        largest = max(map(abs, errors))
        if len(peaks) < points or largest < abs(level) * mpf("1.001"):
            break
        xs = [samples[i] for i in peaks]
    return c, largest


def near_zero(value, f):
    """f, with its limit where the formula is 0 / 0."""
    return lambda x: f(x) if abs(x) > mpf(10) ** -20 else mpf(value)


def never_zero(w):
    return lambda x: w(x) if abs(x) > mpf(10) ** -12 else mpf(10) ** -12


def of_root(f):
    """f of x = sqrt(z), as a function of z."""
    return lambda z: f(sqrt(z))


half_ln2 = log(mpf(2)) / 2 * mpf("1.0005")
fits = {  # name: function, weight, interval, degrees for float and double
    "exp_tail": (
        near_zero(0.5, lambda r: (exp(r) - 1 - r) / r**2),
        never_zero(lambda r: abs(r**2 / expm1(r))),
        (-half_ln2, half_ln2),
        {"float": 4, "double": 9},
    ),
    "log_tail (from the second coefficient)": (
        near_zero(mpf(1) / 3, lambda f: (log1p(f) - f + f * f / 2) / f**3),
        never_zero(lambda f: abs(f**3 / log1p(f))),
        (-mpf(1) / 4, mpf(1) / 2),
        {"float": 7},
    ),
    "atanh_tail": (
        near_zero(mpf(2) / 3, of_root(lambda s: (2 * atanh(s) - 2 * s) / s**3)),
        never_zero(lambda z: z / 2),
        (0, mpf(1) / 25),
        {"double": 7},
    ),
    "tanh_tail": (
        near_zero(-mpf(1) / 3, of_root(lambda x: (tanh(x) - x) / x**3)),
        never_zero(of_root(lambda x: x**3 / tanh(x))),
        (0, mpf("0.55") ** 2),
        {"float": 4, "double": 10},
    ),
    "erf_tail": (
        near_zero(2 / sqrt(pi) - 1, of_root(lambda x: erf(x) / x - 1)),
        near_zero(sqrt(pi) / 2, of_root(lambda x: x / erf(x))),
        (0, 1),
        {"float": 6, "double": 12},
    ),
    "minus_log_erfc for float": (
        lambda t: -log(erfc(1 + t)),
        lambda t: erfc(1 + t),
        (0, 3),
        {"float": 6},
    ),
    "minus_log_erfc for double": (
        lambda t: -log(erfc(1 + t)),
        lambda t: erfc(1 + t),
        (0, 5),
        {"double": 17},
    ),
    "sin_tail": (
        near_zero(-mpf(1) / 6, of_root(lambda r: (sin(r) - r) / r**3)),
        never_zero(of_root(lambda r: r**3 / sin(r))),
        (0, (pi / 2 * mpf("1.0001")) ** 2),
        {"float": 3, "double": 7},
    ),
}

for name, (function, weight, interval, degrees) in fits.items():
    for number, degree in degrees.items():
        coefficients, error = minimax(function, weight, degree, *interval)
        print(f"{name}, {number}, 2^{float(log(error, 2)):.1f}:")
        print("   ", ", ".join(repr(float(c)) for c in coefficients))
