// A walk downhill on a landscape seen from above.

const [surfaces, levels, starts, places, losses, slopes] =
  ["surfaces", "levels", "starts", "places", "losses", "slopes"].map((n) => new Recorded(data[n]));
const last = clock.values.length - 1;

const map = new Plot("map", {
  x: data.x, y: data.y, xlabel: "x", ylabel: "y", equal: true,
  pick: (x, y) => {
    const far = Array.from({ length: starts.shape[0] }, (_, k) => {
      const [u, v] = starts.at(k);
      return Math.hypot(x - u, y - v);
    });
    set("start", far.indexOf(Math.min(...far)));
  },
});
const curve = new Plot("losses", { x: [0, last], xlabel: "step", ylabel: "loss L", shape: 0.7 });

start((now) => {
  const from = [now.landscape, now.start, now.rate];
  const rate = data.rates[now.landscape][now.rate];
  const heights = Array.from(losses.at(...from));
  const here = places.at(...from, now.step);
  const slope = slopes.at(...from, now.step);
  const way = heights.map((_, k) => places.at(...from, k)).slice(0, now.step + 1);
  const levelsHere = Array.from(levels.at(now.landscape));

  map.begin();
  map.landscape(surfaces.at(now.landscape), surfaces.shape[2], levelsHere);
  map.line(way, colour("accent"));
  for (const place of way.slice(0, -1)) map.mark(place, colour("accent"), { size: 2.5 });
  map.mark(starts.at(now.start), colour("accent"), { kind: "s", size: 5 });
  map.arrow(here, slope.map((s) => -s), colour("ink"));
  map.mark(here, colour("accent"), { size: 7 });

  // What leaves the map leaves this picture too: its height says nothing about the landscape.
  const top = Math.max(heights[0], Math.min(levelsHere.at(-1), Math.max(...heights.filter(Number.isFinite))));
  curve.begin({ y: [0, top * 1.1] });
  curve.line(heights.map((L, k) => [k, L]), colour("faint"));
  curve.line(heights.slice(0, now.step + 1).map((L, k) => [k, L]), colour("accent"), { width: 2.5 });
  curve.mark([now.step, heights[now.step]], colour("accent"), { size: 5 });

  const when = `Step ${now.step} with γ = ${number(rate)}`;
  if (!Number.isFinite(here[0])) return `${when}: the walk has left for good, thousands away.`;
  return `${when}: x = ${number(here[0])}, y = ${number(here[1])}` +
    `${map.holds(...here) ? "" : " (outside of the map)"}, loss ${number(heights[now.step])}. ` +
    `Gradient (${number(slope[0])}, ${number(slope[1])}), of length ${number(Math.hypot(...slope))}.`;
});
