// What the pages with a network in the plane share: the plane, and curves by epoch.

const clouds = data.points.map((packed, k) => {
  const points = new Recorded(packed);
  return data.classes[k].map((kind, i) => ({ place: points.at(i), kind }));
});

/** A figure for the plane that the points lie in. */
function planeFigure() {
  const whole = [-data.edge, data.edge];
  return new Plot("plane", { x: whole, y: whole, xlabel: "x₁", ylabel: "x₂", equal: true });
}

/** Points of both classes over the score at every place. */
function drawPlane(plot, cloud, scores, side) {
  plot.begin();
  plot.picture(scores, side, twoSided(data.clear / 2, 0.6));
  plot.level(scores, side, 0, colour("ink"), 2.5);
  for (const { place, kind } of cloud) {
    plot.mark(place, colour(kind ? "above" : "below"), { kind: "os"[kind], size: kind ? 3 : 3.5 });
  }
}

/** Figures for the loss and the accuracy by epoch. */
function curveFigures() {
  const x = [0, clock.values.at(-1)];
  return [
    new Plot("losses", { x, xlabel: "epoch", ylabel: "loss", shape: 0.38 }),
    new Plot("accuracies", { x, y: [0, 1], xlabel: "epoch", ylabel: "accuracy", shape: 0.38 }),
  ];
}

/** What was measured at each frame, on the points shown and on new ones. */
function drawCurve(plot, values, frame, range = {}) {
  plot.begin(range);
  for (const [column, dash] of [[1, [5, 4]], [0, []]]) {
    const places = clock.values.map((epoch, k) => [epoch, values[2 * k + column]]);
    plot.line(places, colour("faint"), { dash });
    plot.line(places.slice(0, frame + 1), colour("accent"), { dash, width: 2.5 });
    plot.mark(places[frame], colour("accent"), { size: 4.5 });
  }
}

/** Where a frame stands, in words. */
function frameInWords(losses, accuracies, frame, ended) {
  const percent = (share) => `${number(100 * share)}\u00a0%`;
  const epoch = clock.values[frame];
  return (epoch === 0 ? "Before training" : `After epoch ${epoch}`) +
    `: loss ${number(losses[2 * frame])}, on new points ${number(losses[2 * frame + 1])}; ` +
    `${percent(accuracies[2 * frame])} on the right side, ` +
    `of new points ${percent(accuracies[2 * frame + 1])}.` +
    (ended !== null && epoch > ended ? ` Training diverged after epoch ${ended} and ended.` : "");
}

/** The largest of numbers, so that an axis holds them all. */
function roof(...lists) {
  return [0, 1.05 * Math.max(...lists.flatMap((list) => Array.from(list)))];
}
