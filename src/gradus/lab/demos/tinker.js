// A network to tinker with: the plane, the curves, and every hidden unit.

const networks = data.networks.map((network) => ({
  layers: network.layers,
  ended: network.ended,
  ...Object.fromEntries(
    ["scores", "losses", "accuracies", "units", "weights"]
      .filter((name) => name in network)
      .map((name) => [name, new Recorded(network[name])]),
  ),
}));
const figure = planeFigure();
const [lossCurve, accuracyCurve] = curveFigures();
const gallery = document.getElementById("figure-units");
let hung = null; // which network's units the gallery has places for

/** Make a place for each unit of a network. */
function hang(network) {
  hung = network;
  gallery.replaceChildren();
  if (network.layers.length === 0) gallery.textContent = "This network has no hidden units.";
  network.layers.forEach((size, depth) => {
    const title = document.createElement("h3");
    title.textContent = `Hidden layer ${depth + 1}`;
    const row = document.createElement("div");
    for (let k = 1; k <= size; k++) {
      const unit = document.createElement("div");
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Output of unit ${k} of hidden layer ${depth + 1} over the plane`);
      unit.append(canvas, document.createElement("span"));
      row.append(unit);
    }
    gallery.append(title, row);
  });
}

/** Draw all units of a network at a frame. */
function drawUnits(network, chosen, frame) {
  if (hung !== network) hang(network);
  if (network.layers.length === 0) return;
  const canvases = gallery.querySelectorAll("canvas");
  const side = network.units.shape.at(-1);
  const first = canvases.length - network.layers.at(-1); // of the last hidden layer
  const weights = network.weights.at(...chosen, frame);
  canvases.forEach((canvas, unit) => {
    const limit = Math.max(...clock.values.map((_, k) => network.units.limits.at(...chosen, k, unit)));
    const size = canvas.clientWidth;
    const pen = fresh(canvas, size, size);
    paint(pen, network.units.at(...chosen, frame, unit), side, [0, 0, size, size], twoSided(limit, 0.85));
    canvas.nextSibling.textContent = unit < first ? "" : `× ${number(weights[unit - first])}`;
  });
}

start((now) => {
  const network = networks[now.hidden];
  // A network without hidden units has no activation, and was trained once for all of them.
  const activation = Math.min(now.activation, network.scores.shape[1] - 1);
  const chosen = [now.data, activation, now.rate];
  const [loss, accuracy] = [network.losses.at(...chosen), network.accuracies.at(...chosen)];
  drawPlane(figure, clouds[now.data], network.scores.at(...chosen, now.epoch), network.scores.shape.at(-1));
  drawCurve(lossCurve, loss, now.epoch, { y: roof(loss) });
  drawCurve(accuracyCurve, accuracy, now.epoch);
  drawUnits(network, chosen, now.epoch);
  return frameInWords(loss, accuracy, now.epoch, network.ended[now.data][activation][now.rate]);
});
