// The player: controls, the address, time, and the sentence that says what is shown.

const { controls, data } = JSON.parse(document.getElementById("recording").textContent);
const clock = controls.find((control) => control.kind === "time");
const state = Object.fromEntries(controls.map((control) => [control.name, control.start]));
const inputs = Object.fromEntries(
  controls.map((control) => [control.name, document.getElementById(`control-${control.name}`)]),
);
const button = document.getElementById("play");
const said = document.getElementById("said");
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const PAUSE = calm ? 1000 : Math.min(500, Math.max(100, 6000 / clock.values.length)); // in ms
let timer = null;
let draw = () => "";

/** Index of the value nearest to a number, or equal to a name; −1 where there is none. */
function nearest(values, wanted) {
  const named = values.findIndex((value) => String(value) === wanted);
  if (named >= 0 || wanted.trim() === "") return named;
  const distances = values.map((value) => Math.abs(Number(value) - Number(wanted)));
  return distances.indexOf(Math.min(...distances));
}

/** Show the state: in the controls, in the figures, and in words. */
function show() {
  for (const control of controls) {
    const input = inputs[control.name], index = state[control.name];
    input.value = index;
    if (control.kind === "choice") continue;
    input.setAttribute("aria-valuetext", control.texts[index]);
    document.getElementById(`shown-${control.name}`).textContent = control.texts[index];
  }
  said.textContent = draw(state).replaceAll(" = ", "\u00a0=\u00a0"); // kept on one line
}

/** Put the state into the page's address, so that a copy of it leads back here. */
function remember() {
  const values = controls.map(({ name, values }) => [name, values[state[name]]]);
  history.replaceState(null, "", `#${new URLSearchParams(values)}`);
}

/** Take the state from the page's address; what it does not know stays as it is. */
function recall() {
  for (const [name, wanted] of new URLSearchParams(location.hash.slice(1))) {
    const control = controls.find((one) => one.name === name);
    const index = control ? nearest(control.values, wanted) : -1;
    if (index >= 0) state[name] = index;
  }
}

/** Set a control, by its name and the index of the value. */
function set(name, index) {
  const { restarts } = controls.find((control) => control.name === name);
  if (name === clock.name || restarts) pause();
  if (restarts) state[clock.name] = 0;
  state[name] = index;
  show();
}

function pause() {
  if (timer === null) return;
  clearInterval(timer);
  timer = null;
  button.textContent = "Play";
  said.setAttribute("aria-live", "polite"); // while playing it would talk without end
  remember();
}

function play() {
  const last = clock.values.length - 1;
  if (state[clock.name] === last) state[clock.name] = 0;
  button.textContent = "Pause";
  said.setAttribute("aria-live", "off");
  show();
  timer = setInterval(() => {
    state[clock.name] += 1;
    if (state[clock.name] === last) pause();
    show();
  }, PAUSE);
}

/** Begin: `drawing` draws a state and returns what there is to say about it. */
function start(drawing) {
  draw = drawing;
  for (const { name } of controls) {
    inputs[name].addEventListener("input", () => set(name, Number(inputs[name].value)));
  }
  button.addEventListener("click", () => (timer === null ? play() : pause()));
  // Once a slider rests: browsers refuse an address that changes too often.
  for (const kind of ["change", "click"]) addEventListener(kind, remember);
  addEventListener("hashchange", () => {
    pause();
    recall();
    show();
  });
  addEventListener("resize", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  recall();
  show();
}
