"use strict";
// The timeline of one video: lanes that are drawn on one canvas, and a cursor on another above it.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const video = $("video");
  const box = $("timeline");
  const lines = $("lines");
  const cursor = $("cursor");
  const duration = Math.max(data.duration, 0.001);
  const frame = 0.04;
  let now = 0; // seconds
  let view = [0, duration]; // what the canvas shows
  let person = data.persons[0];
  let dragging = false;
  let waiting = false;

  // ---- numbers out of the page -------------------------------------------------------------

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const curve = (values, scale, missing) => (i) =>
    i < 0 || i >= values.length || values[i] === missing ? NaN : values[i] / scale;
  const decoded = new Map();
  // What was measured of the chosen person: of all but the first it lies with the person.
  const measured = () => {
    const own = person?.lines ?? data;
    if (!decoded.has(own)) {
      decoded.set(own, {
        face: own.face,
        shapes: Object.fromEntries(
          Object.entries(own.shapes).map(([name, text]) => [name, curve(bytes(text), 200, 255)]),
        ),
        angles: own.pose.map((text) => curve(new Int16Array(bytes(text).buffer), 10, -32768)),
      });
    }
    return decoded.get(own);
  };

  // Which window is shown at a time; -1: none.
  const windowAt = (time) => {
    const spans = person ? person.spans : [];
    let [low, high] = [0, spans.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (time < spans[middle][0]) high = middle - 1;
      else if (time > spans[middle][1]) low = middle + 1;
      else if (time === spans[middle][1] && middle < spans.length - 1 && time >= spans[middle + 1][0])
        low = middle + 1;
      else return middle;
    }
    return -1;
  };
  const probability = (i) => (w) => (w < 0 || !person.p[w] ? NaN : person.p[w][i] / 1000);

  const clock = (seconds) => {
    const tenths = Math.round(seconds * 10);
    const [h, m, s] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10];
    const rest = s.toFixed(1).padStart(4, "0");
    return h ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
  };

  // ---- what can be switched on and off ------------------------------------------------------

  const lineColours = ["#3b82c4", "#d66914", "#2e9660", "#d64550", "#8f63d2", "#a0714a", "#cd5496", "#1a94a2", "#8a8a1f", "#708090"];
  const keys = { classes: [], angles: [], shapes: [] };

  const addKey = (group, list, name, colour, on, value, text) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const line = document.createElement("span");
    const number = document.createElement("b");
    const entry = { name, colour, on, value, text, number };
    line.className = "line";
    line.style.setProperty("--line", colour);
    button.type = "button";
    button.setAttribute("aria-pressed", String(on));
    button.append(line, name, number);
    button.addEventListener("click", () => {
      entry.on = !entry.on;
      button.setAttribute("aria-pressed", String(entry.on));
      draw();
    });
    item.append(button);
    list.append(item);
    keys[group].push(entry);
  };

  const percent = (v) => (Number.isNaN(v) ? "–" : `${Math.round(100 * v)} %`);
  const hundredths = (v) => (Number.isNaN(v) ? "–" : v.toFixed(2));
  const degrees = (v) => (Number.isNaN(v) ? "–" : `${Math.round(v)}°`);

  data.classes.forEach(({ name, colour }, i) =>
    addKey("classes", $("classes"), name, colour, true, probability(i), percent));
  data.angles.forEach((name, i) =>
    addKey("angles", $("angles"), name, lineColours[i], true, (step) => measured().angles[i]?.(step) ?? NaN, degrees));
  const names = [...data.shown, ...Object.keys(data.shapes).filter((name) => !data.shown.includes(name))];
  names.forEach((name, i) => {
    const on = data.shown.includes(name);
    addKey("shapes", on ? $("shapes") : $("others"), name, lineColours[i % lineColours.length], on, (step) => measured().shapes[name]?.(step) ?? NaN, hundredths);
  });

  // ---- drawing ------------------------------------------------------------------------------

  const lanes = [
    { kind: "ruler", height: 24 },
    { kind: "events", height: 20 },
    { kind: "answers", height: 26 },
    { kind: "classes", height: 120, low: 0, high: 1, title: "probabilities" },
    { kind: "face", height: 14 },
    ...(names.length ? [{ kind: "shapes", height: 110, low: 0, high: 1, title: "blendshapes" }] : []),
    ...(data.angles.length ? [{ kind: "angles", height: 90, low: -45, high: 45, title: "head pose, ±45°" }] : []),
  ];
  const gap = 8;
  const tall = lanes.reduce((sum, lane) => sum + lane.height + gap, gap);
  const eventColours = { smile: "#d6a014", surprise: "#8f63d2", lost: "#d64550" };
  let wide = 0;

  const x = (time) => ((time - view[0]) / (view[1] - view[0])) * wide;
  const timeAt = (place) => view[0] + (place / wide) * (view[1] - view[0]);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const sized = (canvas) => {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(tall * ratio);
    canvas.style.height = `${tall}px`;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, tall);
    return pen;
  };

  const drawRuler = (pen, top, bottom) => {
    const least = (view[1] - view[0]) / Math.max(2, wide / 80);
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];
    const step = steps.find((each) => each >= least) || 7200;
    pen.fillStyle = style("--soft");
    pen.strokeStyle = style("--grid");
    for (let n = Math.ceil(view[0] / step); n * step <= view[1]; n++) {
      const place = Math.round(x(n * step)) + 0.5;
      pen.beginPath();
      pen.moveTo(place, top + 16);
      pen.lineTo(place, tall);
      pen.stroke();
      const text = step < 1 ? clock(n * step) : clock(n * step).replace(/\.\d$/, "");
      if (place + pen.measureText(text).width < wide) pen.fillText(text, place + 3, bottom - 9);
    }
  };

  const drawAnswers = (pen, top, bottom) => {
    if (!person) return;
    person.spans.forEach(([start, end], w) => {
      const [left, right] = [x(start), x(end)];
      if (right < 0 || left > wide || person.answer[w] < 0) return;
      const { name, colour } = data.classes[person.answer[w]];
      // What is not to be trusted is pale.
      pen.globalAlpha = person.trusted[w] ? 1 : 0.35;
      pen.fillStyle = colour;
      pen.fillRect(left, top, Math.max(right - left + 0.4, 1), bottom - top);
      pen.globalAlpha = 1;
      const begins = w === 0 || person.answer[w - 1] !== person.answer[w] || left <= 0;
      if (!begins) return;
      let last = w;
      while (last + 1 < person.spans.length && person.answer[last + 1] === person.answer[w] && person.trusted[last + 1] === person.trusted[w]) last++;
      const start_ = Math.max(left, 0);
      if (x(person.spans[last][1]) - start_ > pen.measureText(name).width + 10) {
        labels.push([name, start_ + 5, bottom - 8, person.trusted[w]]);
      }
    });
    for (const [name, at, base, trusted] of labels.splice(0)) {
      pen.fillStyle = trusted ? "#ffffff" : style("--ink");
      pen.fillText(name, at, base);
    }
  };
  const labels = [];

  const drawFace = (pen, top, bottom) => {
    pen.fillStyle = style("--rule");
    pen.fillRect(x(0), top + 3, x(duration) - x(0), bottom - top - 6);
    pen.fillStyle = style("--found");
    for (const [start, end] of measured().face) {
      const left = Math.max(x(start), 0);
      const right = Math.min(x(end), wide);
      if (right > 0 && left < wide) pen.fillRect(left, top + 3, Math.max(right - left, 1), bottom - top - 6);
    }
    pen.fillStyle = style("--ink");
    pen.fillText("face found", 5, bottom - 3);
  };

  // A line through points (time, value); where there are many for one pixel, their extremes.
  const drawLine = (pen, points, lane, top) => {
    const y = (v) => top + lane.height * (1 - (Math.min(Math.max(v, lane.low), lane.high) - lane.low) / (lane.high - lane.low));
    pen.beginPath();
    let pixel = null;
    let open = false;
    const flush = () => {
      if (!pixel) return;
      if (open) pen.lineTo(pixel.x, y(pixel.first));
      else pen.moveTo(pixel.x, y(pixel.first));
      if (pixel.low !== pixel.high) {
        pen.lineTo(pixel.x, y(pixel.low));
        pen.lineTo(pixel.x, y(pixel.high));
      }
      pen.lineTo(pixel.x + 0.01, y(pixel.last));
      open = true;
      pixel = null;
    };
    for (const [time, value] of points) {
      if (Number.isNaN(value)) {
        flush();
        open = false;
        continue;
      }
      const place = Math.round(x(time) * 2) / 2;
      if (pixel && pixel.x === place) {
        pixel.low = Math.min(pixel.low, value);
        pixel.high = Math.max(pixel.high, value);
        pixel.last = value;
      } else {
        flush();
        pixel = { x: place, low: value, high: value, first: value, last: value };
      }
    }
    flush();
    pen.stroke();
  };

  const samples = function* (value) {
    const first = Math.max(0, Math.floor(view[0] / data.step) - 1);
    const last = Math.min(Math.ceil(duration / data.step), Math.ceil(view[1] / data.step) + 1);
    for (let i = first; i <= last; i++) yield [(i + 0.5) * data.step, value(i)];
  };
  const steps = function* (value) {
    for (let w = 0; w < person.spans.length; w++) {
      const [start, end] = person.spans[w];
      if (end < view[0] || start > view[1]) continue;
      const gapBefore = w > 0 && start - person.spans[w - 1][1] > 0.01;
      if (gapBefore) yield [start, NaN];
      // In the middle of its span; the first and the last reach to their ends.
      if (w === 0 || gapBefore) yield [start, value(w)];
      yield [(start + end) / 2, value(w)];
      if (w === person.spans.length - 1 || person.spans[w + 1][0] - end > 0.01) yield [end, value(w)];
    }
  };

  const drawLines = (pen, lane, top, bottom) => {
    pen.strokeStyle = style("--grid");
    for (const part of [0, 0.5, 1]) {
      const level = Math.round(top + lane.height * part) + 0.5;
      pen.beginPath();
      pen.moveTo(0, level);
      pen.lineTo(wide, level);
      pen.stroke();
    }
    pen.lineWidth = 1.8;
    pen.lineJoin = "round";
    for (const key of keys[lane.kind]) {
      if (!key.on || (lane.kind === "classes" && !person)) continue;
      pen.strokeStyle = key.colour;
      drawLine(pen, lane.kind === "classes" ? steps(key.value) : samples(key.value), lane, top);
    }
    pen.lineWidth = 1;
    pen.fillStyle = style("--soft");
    pen.fillText(lane.title, 5, top + 12);
  };

  const drawEvents = (pen, top, bottom) => {
    for (const event of data.events) {
      const place = x(event.t);
      if (place < -6 || place > wide + 6) continue;
      pen.fillStyle = eventColours[event.kind];
      pen.beginPath();
      pen.moveTo(place, bottom);
      pen.lineTo(place - 5, top + 6);
      pen.lineTo(place + 5, top + 6);
      pen.fill();
    }
  };

  const draw = () => {
    wide = box.clientWidth;
    const pen = sized(lines);
    pen.font = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
    let top = 0;
    for (const lane of lanes) {
      const bottom = top + lane.height;
      if (lane.kind === "ruler") drawRuler(pen, top, bottom);
      else if (lane.kind === "events") drawEvents(pen, top, bottom);
      else if (lane.kind === "answers") drawAnswers(pen, top, bottom);
      else if (lane.kind === "face") drawFace(pen, top, bottom);
      else drawLines(pen, lane, top, bottom);
      top = bottom + gap;
    }
    drawCursor();
  };

  const drawCursor = () => {
    const pen = sized(cursor);
    const place = x(now);
    pen.strokeStyle = style("--play");
    pen.fillStyle = style("--play");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(place, 0);
    pen.lineTo(place, tall);
    pen.stroke();
    pen.beginPath();
    pen.arc(place, 5, 5, 0, 2 * Math.PI);
    pen.fill();
  };

  // ---- time ---------------------------------------------------------------------------------

  const show = () => {
    const w = windowAt(now);
    const step = Math.floor(now / data.step + 1e-6);
    for (const key of keys.classes) key.number.textContent = key.text(person ? key.value(w) : NaN);
    for (const key of [...keys.angles, ...keys.shapes]) key.number.textContent = key.text(key.value(step));
    $("clock").textContent = `${clock(now)} / ${clock(duration)}`;
    let said = "no answer";
    if (w >= 0 && person.answer[w] >= 0) {
      const i = person.answer[w];
      said = `${data.classes[i].name} ${percent(person.p[w][i] / 1000)}`;
      if (!person.trusted[w]) said += ", not to be trusted";
    }
    const why = w < 0 ? "" : person.reasons[person.why[w]];
    $("said").textContent = why ? `${said}: ${why}` : said;
    box.setAttribute("aria-valuenow", now.toFixed(1));
    box.setAttribute("aria-valuetext", `${clock(now)}, ${said}`);
    const current = eventBefore(now + 0.001);
    document.querySelectorAll("#events button").forEach((button, i) => {
      if (i === current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    if (view[1] - view[0] < duration - 0.001 && (now < view[0] || now > view[1]) && !dragging) {
      pan(now - 0.1 * (view[1] - view[0]) - view[0]);
    } else drawCursor();
  };

  const seek = (time) => {
    now = Math.min(Math.max(time, 0), duration);
    if (video && video.readyState) video.currentTime = now;
    show();
  };

  const follow = () => {
    if (!dragging && Math.abs(video.currentTime - now) > 0.001) {
      now = Math.min(video.currentTime, duration);
      show();
    }
  };

  const eventBefore = (time) => data.events.reduce((found, event, i) => (event.t <= time ? i : found), -1);
  const jump = (way) => {
    const here = eventBefore(now + 0.001);
    const at = here >= 0 ? data.events[here].t : -1;
    // Back to the beginning of the event first, as music players do.
    const target = way > 0 ? here + 1 : now - at > 1 ? here : here - 1;
    if (data.events[target]) seek(data.events[target].t);
    else if (way < 0) seek(0);
  };

  const play = () => {
    if (!video) return;
    if (video.paused) video.play().catch(() => {});
    else video.pause();
  };

  // ---- view ---------------------------------------------------------------------------------

  const setView = (start, length) => {
    const span = Math.min(Math.max(length, Math.min(1, duration)), duration);
    const from = Math.min(Math.max(start, 0), duration - span);
    view = [from, from + span];
    if (!waiting) {
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        draw();
      });
    }
  };
  const zoom = (factor, about = now) => {
    const span = (view[1] - view[0]) * factor;
    setView(about - ((about - view[0]) / (view[1] - view[0])) * span, span);
  };
  const pan = (by) => setView(view[0] + by, view[1] - view[0]);

  // ---- mouse, fingers, keys -----------------------------------------------------------------

  const toPointer = (event) => seek(timeAt(event.clientX - box.getBoundingClientRect().left - box.clientLeft));
  box.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    dragging = true;
    box.setPointerCapture(event.pointerId);
    toPointer(event);
  });
  box.addEventListener("pointermove", (event) => dragging && toPointer(event));
  for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => (dragging = false));
  box.addEventListener("wheel", (event) => {
    // The page scrolls as ever; with ctrl (or two fingers) the timeline zooms, sideways it moves.
    if (event.ctrlKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event.offsetX));
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX / wide) * (view[1] - view[0]));
    else return;
    event.preventDefault();
  }, { passive: false });

  const actions = {
    ArrowLeft: (shift) => seek(now - (shift ? frame : 1)),
    ArrowRight: (shift) => seek(now + (shift ? frame : 1)),
    Home: () => seek(0),
    End: () => seek(duration),
    j: () => jump(-1),
    k: () => jump(1),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    0: () => setView(0, duration),
    " ": play,
  };
  document.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = actions[key];
    const on = event.target.closest("button, a, summary, select, input");
    // Space and Enter press the button that has the focus; a list of choices has its own keys.
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    if (on && (key === " " || on.matches("select, input"))) return;
    event.preventDefault();
    event.stopPropagation();
    action(event.shiftKey);
  }, { capture: true });

  $("play").addEventListener("click", play);
  $("previous").addEventListener("click", () => jump(-1));
  $("next").addEventListener("click", () => jump(1));
  $("in").addEventListener("click", () => zoom(0.5));
  $("out").addEventListener("click", () => zoom(2));
  $("all").addEventListener("click", () => setView(0, duration));
  document.querySelectorAll("#events button").forEach((button) =>
    button.addEventListener("click", () => seek(data.events[button.dataset.index].t)));
  $("person")?.addEventListener("change", (event) => {
    person = data.persons[event.target.value];
    draw();
    show();
  });
  if (!data.events.length) $("previous").disabled = $("next").disabled = true;

  if (video) {
    const named = () => ($("play").textContent = video.paused ? "Play" : "Pause");
    for (const kind of ["play", "pause", "ended"]) video.addEventListener(kind, named);
    for (const kind of ["seeked", "timeupdate"]) video.addEventListener(kind, follow);
    const each = () => {
      if (video.paused) return;
      follow();
      requestAnimationFrame(each);
    };
    video.addEventListener("play", each);
    // A moment that was chosen before the video was there.
    video.addEventListener("loadedmetadata", () => now > 0 && (video.currentTime = now));
  } else $("play").disabled = true;

  new ResizeObserver(draw).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
  show();
})();
