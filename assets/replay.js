// Draws the curves of recorded runs again as they grew: tells each chart how far to show them.
const SECONDS = 12;
const PAUSE = 100;
const button = element.querySelector("button");
const slider = element.querySelector("input");
const said = element.querySelector("output");
const whole = said.textContent;
let timer = null;
let share = 1;

const charts = () =>
  [...document.querySelectorAll("[id^='chart-'] .chart")].filter((box) => Number.isFinite(box.reach));

function show() {
  const drawn = charts();
  const last = Math.max(...drawn.map((box) => box.reach));
  const until = share < 1 && drawn.length ? share * last : null;
  for (const box of drawn) box.dispatchEvent(new CustomEvent("replay", { detail: until }));
  slider.value = share * slider.max;
  said.textContent = until === null ? whole : told(drawn[0].layout.xaxis.title.text, until, last);
}

function told(unit, until, last) {
  const digits = { maximumFractionDigits: last < 100 ? 1 : 0 };
  return `${unit} ${until.toLocaleString("en", digits)} of ${last.toLocaleString("en", digits)}`;
}

function pause() {
  clearInterval(timer);
  timer = null;
  button.textContent = "Replay";
}

function step() {
  share = Math.min(1, share + PAUSE / 1000 / SECONDS);
  show();
  if (share === 1) pause();
}

function play() {
  if (share === 1) share = 0;
  button.textContent = "Pause";
  timer = setInterval(step, PAUSE);
  show();
}

button.addEventListener("click", () => (timer === null ? play() : pause()));
slider.addEventListener("input", () => {
  pause();
  share = slider.value / slider.max;
  show();
});
