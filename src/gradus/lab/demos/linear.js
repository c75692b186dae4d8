// A line through points, the loss over slope and intercept, and the walk to its lowest place.

const points = new Recorded(data.points);
const surface = new Recorded(data.surface);
const [places, losses, slopes] = ["places", "losses", "slopes"].map((n) => new Recorded(data[n]));
const [w, b] = controls;
const dots = Array.from({ length: points.shape[0] }, (_, k) => points.at(k));
const ends = ([low, high], margin) => [low - margin, high + margin];
const range = (values) => [Math.min(...values), Math.max(...values)];

const cloud = new Plot("points", {
  x: ends(range(dots.map(([x]) => x)), 0.3),
  y: ends(range(dots.map(([, y]) => y)), 1.2),
  xlabel: "x", ylabel: "y", shape: 0.55,
});
const map = new Plot("surface", {
  x: data.u, y: data.v, xlabel: "slope w", ylabel: "intercept b", equal: true,
  pick: (slope, intercept) => {
    set("w", nearest(w.values, String(slope)));
    set("b", nearest(b.values, String(intercept)));
  },
});
const curve = new Plot("losses", {
  x: [0, clock.values.length - 1], xlabel: "step", ylabel: "loss L", shape: 0.45, log: true,
});

start((now) => {
  const from = [now.rate, now.w, now.b];
  const here = places.at(...from, now.step);
  const heights = Array.from(losses.at(...from));
  const slope = slopes.at(...from, now.step);
  const way = heights.map((_, k) => places.at(...from, k)).slice(0, now.step + 1);

  cloud.begin();
  for (const [x, y] of dots) {
    cloud.line([[x, y], [x, here[0] * x + here[1]]], colour("miss"), { width: 1.5 });
  }
  cloud.line(cloud.x.map((x) => [x, here[0] * x + here[1]]), colour("accent"), { width: 3 });
  for (const dot of dots) cloud.mark(dot, colour("ink"));

  map.begin();
  map.landscape(surface.values, surface.shape[1], data.levels);
  map.mark(data.lowest, colour("ink"), { kind: "x", size: 5 });
  map.line(way, colour("accent"));
  for (const place of way.slice(0, -1)) map.mark(place, colour("accent"), { size: 2.5 });
  map.arrow(here, slope.map((s) => -s), colour("ink"));
  map.mark(here, colour("accent"), { size: 7 });

  curve.begin({ y: [data.least * 0.8, Math.max(...heights) * 1.25] });
  curve.line(curve.x.map((k) => [k, data.least]), colour("soft"), { width: 1.5, dash: [5, 4] });
  curve.line(heights.map((L, k) => [k, L]), colour("faint"));
  curve.line(heights.slice(0, now.step + 1).map((L, k) => [k, L]), colour("accent"), { width: 2.5 });
  curve.mark([now.step, heights[now.step]], colour("accent"), { size: 5 });

  const when = now.step === 0 ? "At the place of the sliders"
    : `After ${now.step} step${now.step === 1 ? "" : "s"} with γ = ${number(data.rates[now.rate])}`;
  return `${when}: w = ${number(here[0])}, b = ${number(here[1])}, ` +
    `loss ${number(heights[now.step])}, lowest ${number(data.least)}. ` +
    `Gradient: ∂L/∂w = ${number(slope[0])}, ∂L/∂b = ${number(slope[1])}.`;
});
