// The controls: one position of the slider, and everything that follows it.

const find = (id) => document.getElementById(id);
const slider = find("slider"), playButton = find("play");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const chosen = new Set(data.levels.map((level, j) => (level.shown ? j : -1)).filter((j) => j >= 0));
const axes = [...data.axes];
let position = middle, sdTerm = axes[0], moves = [], playing = null, marked = null;

function make(parent, name, attributes = {}, text = null) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

const picked = () => [...chosen].sort((a, b) => a - b);
const widthOf = (box) => Math.max(240, Math.floor(box.clientWidth));

// ---- drawing ----

function layOut() {
  const density = find("density"), panels = find("panels"), plane = find("plane");
  const beside = plane.offsetTop < panels.offsetTop + panels.offsetHeight && plane.offsetLeft > panels.offsetLeft;
  const [first, second] = [panels, plane].map((box) => box.querySelector("svg"));
  find("plane-caption").textContent = "An arrow for each level, from its own fit to its estimate now"
    + (axes.length > 1 ? "; dashed: where half and nine tenths of the levels would lie" : "");
  moves = [
    drawDensity(density, widthOf(slider), sdTerm),
    drawPanels(first, widthOf(panels), beside ? Math.min(widthOf(plane), 560) : 0, picked(), mark),
    axes.length > 1
      ? drawPlane(second, widthOf(plane), axes, picked(), mark)
      : drawStrip(second, widthOf(plane), axes[0], picked(), mark),
  ];
  find("count").textContent = `${chosen.size} of ${data.levels.length} shown`;
  mark(marked);
  show();
}

function show() {
  for (const move of moves) move(position);
  const sd = data.anchor.sds[sdTerm] * multiplierAt(position);
  const whole = Math.round(position);
  if (slider.value !== String(whole)) slider.value = String(whole);
  const said = `sd of ${data.terms[sdTerm]} ${number(sd)}, ${times(position)}, ${stateOf(position)}`;
  slider.setAttribute("aria-valuetext", said);
  const readout = find("readout");
  readout.replaceChildren();
  make(readout, "strong", {}, data.terms.length > 1 ? number(sd) : `sd ${number(sd)}`);
  make(readout, "span", {}, ` = ${times(position)}`);
  make(readout, "span", { class: "state" }, stateOf(position));
  document.body.dataset.position = String(position);
  document.body.dataset.multiplier = String(multiplierAt(position));
  if (find("numbers").open && Number.isInteger(position)) fillNumbers();
}

function mark(j) {
  marked = j;
  for (const made of document.querySelectorAll("[data-level]")) {
    made.classList.toggle("marked", made.dataset.level === String(j));
  }
}

function fillNumbers() {
  const table = find("numbers").querySelector("table"), head = table.tHead, body = table.tBodies[0];
  table.caption.textContent = `${data.factor}: ${times(position)}, ${stateOf(position)}`;
  head.replaceChildren();
  body.replaceChildren();
  const titles = make(head, "tr");
  const columns = data.terms.flatMap((term) => [`${term}: own fit`, `${term}: now`]);
  for (const title of ["level", "rows", ...columns]) make(titles, "th", { scope: "col" }, title);
  const row = (name, rows, own, now) => {
    const made = make(body, "tr");
    make(made, "th", { scope: "row" }, name);
    const texts = terms.flatMap((k) => [own ? number(own[k]) : "", number(now[k])]);
    for (const text of [rows, ...texts]) make(made, "td", {}, text);
  };
  row("population", "", null, populationAt(position));
  data.levels.forEach((level, j) => {
    row(shownName(level.name), String(level.rows), level.small ? null : totalAt(last, j), totalAt(position, j));
  });
}

// ---- moving ----

function go(to) {
  position = Math.min(Math.max(to, 0), last);
  show();
}

function stop() {
  if (playing !== null) cancelAnimationFrame(playing);
  playing = null;
  position = Math.round(position);
  playButton.setAttribute("aria-pressed", "false");
  playButton.querySelector(".word").textContent = "Play";
  show();
}

function start() {
  if (position >= last) position = 0;
  playButton.setAttribute("aria-pressed", "true");
  playButton.querySelector(".word").textContent = "Pause";
  let before = null;
  const from = position;
  const step = (now) => {
    before ??= now;
    // Whole positions, and slower, for those who asked for less motion.
    const gone = (now - before) / (calm.matches ? 250 : 120);
    go(calm.matches ? from + Math.floor(gone) : from + gone);
    if (position >= last) stop();
    else playing = requestAnimationFrame(step);
  };
  playing = requestAnimationFrame(step);
}

const toggle = () => (playing === null ? start() : stop());

playButton.addEventListener("click", toggle);
slider.addEventListener("input", () => {
  if (playing !== null) stop();
  go(Number(slider.value));
});
for (const button of document.querySelectorAll("[data-go]")) {
  button.addEventListener("click", () => {
    if (playing !== null) stop();
    go({ first: 0, middle, last }[button.dataset.go]);
  });
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const own = event.target.closest("button, select, summary, input:not(#slider)");
  if (own) return;
  const moved = { ArrowLeft: -1, ArrowRight: 1, PageDown: -5, PageUp: 5, Home: -last, End: last }[event.key];
  const ours = event.target === slider || event.key === "ArrowLeft" || event.key === "ArrowRight";
  if (event.key === " ") toggle();
  else if (moved !== undefined && ours) {
    if (playing !== null) stop();
    go(Math.round(position) + moved);
  } else return;
  event.preventDefault();
});

// ---- choices ----

function fill(select, selected, change) {
  data.terms.forEach((term, k) => make(select, "option", { value: k }, term));
  select.value = String(selected);
  select.addEventListener("change", () => {
    change(Number(select.value));
    layOut();
  });
}

fill(find("density-term"), sdTerm, (k) => { sdTerm = k; });
find("which-sd").hidden = data.terms.length < 2;
for (const [i, id] of [[0, "term-x"], [1, "term-y"]]) {
  fill(find(id), axes[i], (k) => {
    // The same term on both axes says nothing: they change places.
    if (axes[1 - i] === k) axes[1 - i] = axes[i];
    axes[i] = k;
    ["term-x", "term-y"].forEach((other, place) => { find(other).value = String(axes[place]); });
  });
}
document.querySelector(".axes").hidden = axes.length < 2 || data.terms.length < 3;

const boxes = data.levels.map((level, j) => {
  const label = make(find("boxes"), "label", { "data-level": j });
  const box = make(label, "input", { type: "checkbox" });
  make(label, "span", {}, shownName(level.name));
  box.checked = chosen.has(j);
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(j);
    else chosen.delete(j);
    layOut();
  });
  box.addEventListener("focus", () => mark(j));
  box.addEventListener("blur", () => mark(null));
  label.addEventListener("pointerenter", () => mark(j));
  label.addEventListener("pointerleave", () => mark(null));
  return { label, box, name: level.name.toLowerCase() };
});
const visible = () => boxes.map((_, j) => j).filter((j) => !boxes[j].label.hidden);

function choose(j, on) {
  boxes[j].box.checked = on;
  if (on) chosen.add(j);
  else chosen.delete(j);
}

find("find").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const { label, name } of boxes) label.hidden = !name.includes(wanted);
});
find("all").addEventListener("click", () => { visible().forEach((j) => choose(j, true)); layOut(); });
find("none").addEventListener("click", () => { visible().forEach((j) => choose(j, false)); layOut(); });
find("numbers").addEventListener("toggle", show);
if (data.left !== null) {
  const left = number(Number(data.left.toPrecision(2)));
  find("left").textContent = " A hundred is not infinity: at the right end the lines still lie up to "
    + `${left} from no pooling, in units of ${data.yLabel}.`;
}

let width = 0;
new ResizeObserver(() => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  layOut();
}).observe(document.body);
width = document.body.clientWidth;
slider.value = String(middle);
layOut();

// For teachers and tests: the numbers that are drawn.
window.hierbayes = Object.freeze({
  go: (to) => { if (playing !== null) stop(); go(to); },
  state: () => ({
    position,
    multiplier: multiplierAt(position),
    playing: playing !== null,
    terms: [...data.terms],
    sd: data.anchor.sds.map((sd) => sd * multiplierAt(position)),
    beta: [...betaAt(position)],
    population: populationAt(position),
    levels: data.levels.map((level, j) => ({
      name: level.name,
      estimate: totalAt(position, j),
      at: [...level.at],
      line: lineAt(position, j),
    })),
  }),
});
