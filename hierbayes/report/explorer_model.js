// The estimates at a position of the slider, from those that the page holds.

const data = JSON.parse(document.getElementById("data").textContent);
const last = data.multipliers.length - 1;
const middle = data.multipliers.indexOf(1);
const terms = data.terms.map((_, k) => k);

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

// Between two positions, which happens while it plays, the numbers are interpolated for the eye alone.
function mixed(series, t, pick) {
  const low = Math.min(Math.floor(t), last), f = t - low;
  const from = pick(series[low]);
  if (f === 0) return from;
  const to = pick(series[low + 1]);
  return from.map((value, i) => (1 - f) * value + f * to[i]);
}

const betaAt = (t) => mixed(data.beta, t, (row) => row);
const effectAt = (t, j) => mixed(data.b, t, (row) => row[j]);
const multiplierAt = (t) => mixed(data.multipliers, t, (m) => [m])[0];
const populationAt = (t) => data.toTerms.map((row) => dot(row, betaAt(t)));

function totalAt(t, j) {
  const b = effectAt(t, j);
  return populationAt(t).map((value, k) => value + b[k]);
}

function lineAt(t, j) {
  const level = data.levels[j], beta = betaAt(t), b = effectAt(t, j);
  return level.at.map((_, i) => onResponse(dot(level.X[i], beta) + dot(level.Z[i], b) + level.shift[i]));
}

// The mean of the response at a linear predictor.
const onResponse = (predictor) =>
  data.cuts ? data.cuts.reduce((sum, cut) => sum + unlinked(predictor - cut), 1) : unlinked(predictor);

function unlinked(predictor) {
  switch (data.link) {
    case "log": return Math.exp(predictor);
    case "logit": return 1 / (1 + Math.exp(-predictor));
    case "probit": return normal(predictor);
    default: return predictor;
  }
}

// The normal distribution function to seven digits: Abramowitz and Stegun 26.2.17.
function normal(x) {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = [0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
  const tail = series.reduceRight((sum, c) => (sum + c) * t, 0) * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  return x > 0 ? 1 - tail : tail;
}

// Points of the ellipse that holds `share` of a normal population of two terms.
function ellipseAt(t, share, [first, second]) {
  const S = data.anchor.covariance, m = multiplierAt(t), mean = populationAt(t);
  const a = Math.sqrt(S[first][first]), c = S[first][second] / a;
  const d = Math.sqrt(Math.max(S[second][second] - c * c, 0));
  const r = m * Math.sqrt(-2 * Math.log(1 - share));
  return Array.from({ length: 73 }, (_, i) => {
    const u = Math.cos(i * Math.PI / 36), v = Math.sin(i * Math.PI / 36);
    return [mean[first] + r * a * u, mean[second] + r * (c * u + d * v)];
  });
}

function number(value) {
  if (value === 0) return "0";
  const size = Math.abs(value), digits = size >= 1000 ? Math.min(Math.ceil(Math.log10(size)), 15) : 3;
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

// The texts of an axis: as many decimals as tell its ticks apart.
function tickTexts(found) {
  const step = found.length > 1 ? found[1] - found[0] : 1, size = Math.max(...found.map(Math.abs));
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
  const text = (value) => {
    if (step < 1e-6) return value.toExponential(2);
    if (size >= 1e6 && step >= size / 1e3) return short.format(value);
    return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  };
  return found.map((value) => (value === 0 ? "0" : text(value).replace("-", "−")));
}

const stateOf = (t) =>
  t === 0 ? "complete pooling"
  : t === last ? "no pooling"
  : "partial pooling";

function times(t) {
  const m = multiplierAt(t);
  const text = m === 0 ? "0" : m.toFixed(m >= 9.95 ? 0 : m >= 0.0995 ? 2 : 3);
  return `${text} × ${data.anchor.name}`;
}

function shownName(name) {
  const line = name.replace(/[\s\u0000-\u001f\u007f]+/g, " ");
  return line.trim() ? line : "(empty)";
}

function cut(name, width) {
  const letters = Array.from(name);
  return letters.length <= width ? name : `${letters.slice(0, Math.max(width - 1, 1)).join("")}…`;
}

// Round numbers within a range, two at least.
function ticks(low, high, most) {
  for (let wanted = most; ; wanted += 1) {
    const found = round(low, high, wanted);
    if (found.length > 1 || wanted > most + 8) return found;
  }
}

function round(low, high, most) {
  const rough = (high - low) / Math.max(most, 1), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((s) => s * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

function range(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values.filter(Number.isFinite)) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [0, 0];
}

function spanOf(values) {
  const [low, high] = range(values);
  return high - low;
}

// Three quartile ranges beyond the quartiles: what lies outside is wild.
function fences(values) {
  const sorted = [...values].sort((a, b) => a - b), at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return sorted.length ? [4 * at(0.25) - 3 * at(0.75), 4 * at(0.75) - 3 * at(0.25)] : [0, 0];
}

// Limits that hold all of `core`, and those of `wide` within `reach` of it or within the fences: a few wild ones leave
// the frame instead of squeezing the rest.
function limits(core, wide, reach, [lower, upper] = [Infinity, -Infinity]) {
  let [low, high] = range(core);
  const floor = Math.min(low - (reach || Infinity), lower), ceiling = Math.max(high + (reach || Infinity), upper);
  [low, high] = range([low, high, ...wide.filter((value) => value >= floor && value <= ceiling)]);
  const pad = 0.06 * (high - low) || 0.05 * Math.abs(high) || 0.5;
  return [low - pad, high + pad];
}
