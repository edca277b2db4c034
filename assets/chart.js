// Draws a Plotly figure in place: new data arrives without a remount, so that zoom, hidden
// curves and the reader's eye stay where they are. Colours follow the page's light or dark.
const box = element.querySelector(".chart");
// Plotly has 4 MB: fetched once for all charts of the page, when the first has something to draw.
const fetched = () =>
  (window.plotlyFetched ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: box.dataset.library, onload: resolve, onerror: reject });
    document.head.append(script);
  }));
const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
// While a replay shows the curves up to a place on the x axis: that, and the axes of the whole.
let until = null;
let axes = {};

// Legible from the back row while presenting; a change of the body's class draws anew.
const presenting = () => document.body.classList.contains("presenting");
const height = (layout) => (layout.height ?? 340) * (presenting() ? 1.5 : 1);

function themed(layout) {
  const line = colour("--border-color-primary");
  const out = { ...layout, paper_bgcolor: "transparent", plot_bgcolor: "transparent" };
  out.font = { ...layout.font, color: colour("--body-text-color"), family: colour("--font") };
  const size = presenting() ? 20 : undefined;
  if (size) out.font.size = size;
  if (size && layout.annotations) {
    out.annotations = layout.annotations.map((one) => ({ ...one, font: { ...one.font, size: 18 } }));
  }
  out.height = height(layout);
  out.autosize = true;
  delete out.width;
  for (const key of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
    out[key] = { ...layout[key], gridcolor: line, linecolor: line, zerolinecolor: line };
    if (size && layout[key].title) out[key].title = { ...layout[key].title, font: { size } };
  }
  return out;
}

function grown(trace) {
  const count = trace.x.filter((x) => x <= until).length;
  // A curve that has not begun keeps its place in the legend.
  if (!count) return { ...trace, x: [trace.x[0]], y: [null] };
  return { ...trace, x: trace.x.slice(0, count), y: trace.y.slice(0, count) };
}

async function draw() {
  if (props.value) await fetched();
  if (!props.value) {
    window.Plotly?.purge(box);
    box.reach = undefined;
    return;
  }
  const figure = JSON.parse(props.value);
  box.reach = Math.max(...figure.data.flatMap((trace) => trace.x ?? []));
  if (until !== null) figure.data = figure.data.map(grown);
  const options = { responsive: true, displaylogo: false, scrollZoom: false };
  options.modeBarButtonsToRemove = ["select2d", "lasso2d", "autoScale2d"];
  box.style.height = `${height(figure.layout)}px`;
  const layout = themed(figure.layout);
  for (const [name, range] of Object.entries(axes)) layout[name] = { ...layout[name], range };
  Plotly.react(box, figure.data, layout, options);
}

function replay(place) {
  const standing = ({ xaxis, yaxis }) => ({ xaxis: [...xaxis.range], yaxis: [...yaxis.range] });
  if (until === null) axes = standing(box._fullLayout);
  if (place === null) axes = {};
  until = place;
  draw();
}

box.addEventListener("replay", (event) => replay(event.detail));
watch("value", () => {
  until = null;
  axes = {};
  draw();
});
new MutationObserver(draw).observe(document.body, { attributeFilter: ["class"] });
// A chart drawn in a tab that was hidden has no width until the tab is shown.
new ResizeObserver(() => box.data && box.clientWidth && Plotly.Plots.resize(box)).observe(box);
draw();
