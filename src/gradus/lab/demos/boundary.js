// A boundary in the plane, epoch by epoch.

const [scores, losses, accuracies] =
  ["scores", "losses", "accuracies"].map((name) => new Recorded(data[name]));
const figure = planeFigure();
const [lossCurve, accuracyCurve] = curveFigures();

start((now) => {
  const chosen = [now.data, now.hidden];
  const [loss, accuracy] = [losses.at(...chosen), accuracies.at(...chosen)];
  drawPlane(figure, clouds[now.data], scores.at(...chosen, now.epoch), scores.shape.at(-1));
  drawCurve(lossCurve, loss, now.epoch, { y: roof(loss) });
  drawCurve(accuracyCurve, accuracy, now.epoch);
  return frameInWords(loss, accuracy, now.epoch, data.ended[now.data][now.hidden]);
});
