// The rating form by keyboard and mouse: what is pressed becomes one message to the server, which
// alone knows who asked what. Focus goes from group to group, so that digits are enough.
const STORED = "socratic-rating";
const LABELS = { fluency: "fluency", relevance: "relevance", answered: "the answer", choice: "the question you would ask" };
let busy = false;
let acted = false;

const form = () => element.querySelector("form.rating");
const groups = () => [...form().querySelectorAll("fieldset")];
const picked = (group) => group.querySelector("input:checked");

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(STORED));
  } catch {
    return null;
  }
}

function remember() {
  const kept = element.querySelector("[data-keep]")?.dataset.keep;
  try {
    if (kept) localStorage.setItem(STORED, kept);
  } catch {
    // A browser that keeps nothing asks for the name again after a reload.
  }
}

function send(message) {
  if (busy) return;
  busy = true;
  acted = true;
  // An error leaves the form as it is: then it must be possible to try again.
  setTimeout(() => { busy = false; }, 2500);
  trigger("submit", { ...message, kept: remembered() });
}

function enter(group) {
  if (group) (picked(group) ?? group.querySelector("input")).focus();
  else form().querySelector("button[type=submit]").focus();
}

function step(group, by) {
  const all = groups();
  const place = all.indexOf(group) + by;
  if (place >= 0) enter(all[place]);
}

function submit() {
  const missing = groups().filter((group) => !picked(group));
  groups().forEach((group) => group.classList.toggle("missing", missing.includes(group)));
  const told = form().querySelector(".missing-told");
  if (missing.length) {
    const { kind, letter } = missing[0].dataset;
    told.textContent = `Still to give: ${LABELS[kind]}${letter ? ` of question ${letter}` : ""}.`;
    enter(missing[0]);
    return;
  }
  told.textContent = "";
  const values = (kind) => groups().filter((g) => g.dataset.kind === kind).map((g) => picked(g).value);
  const [fluency, relevance, answered] = ["fluency", "relevance", "answered"].map(values);
  send({
    act: "rate",
    item: Number(form().dataset.item),
    marks: fluency.map((value, i) => ({
      fluency: Number(value), relevance: Number(relevance[i]), answered: answered[i] === "yes",
    })),
    choice: values("choice")[0],
    note: form().querySelector("textarea").value,
  });
}

element.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) send({ act: button.dataset.act, item: Number(button.dataset.item) });
});

element.addEventListener("keydown", (event) => {
  if (!form() || event.altKey || event.metaKey) return;
  if (event.key === "Enter" && event.ctrlKey) {
    event.preventDefault();
    submit();
    return;
  }
  const group = event.target.closest("fieldset");
  if (!group || event.ctrlKey) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    step(group, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter") {
    event.preventDefault();
    submit();
  } else {
    const key = event.key.toLowerCase();
    const input = [...group.querySelectorAll("input")].find((one) => one.dataset.keys.split(" ").includes(key));
    if (!input) return;
    event.preventDefault();
    input.checked = true;
    group.classList.remove("missing");
    step(group, 1);
  }
});

element.addEventListener("change", (event) => event.target.closest("fieldset")?.classList.remove("missing"));

// After an action the eye and the keyboard go to what came of it; a page just opened stays put.
watch("value", () => {
  busy = false;
  remember();
  if (!acted) return;
  acted = false;
  element.firstElementChild?.scrollIntoView({ block: "start" });
  (element.querySelector("[data-first]") ?? element.querySelector("fieldset input"))?.focus({ preventScroll: true });
});

if (remembered()) trigger("submit", { act: "open", kept: remembered() });
