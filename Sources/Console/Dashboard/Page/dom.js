// Elements, made of text alone: nothing that an agent or a provider said ever becomes markup.

/** An element. Attributes that are null, undefined or false are left out; `on…` are listeners. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts `children` in the place of what is there, and leaves what is the same alone. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/** Sets text where it differs, so that a selection or a reader of the page is not disturbed. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const svgSpace = "http://www.w3.org/2000/svg";

/** A bar of parts in thousandths of the whole. */
export function bar(parts, label) {
  const svg = document.createElementNS(svgSpace, "svg");
  svg.setAttribute("class", "bar");
  svg.setAttribute("viewBox", "0 0 1000 8");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const rect = (style, x, width) => {
    const part = document.createElementNS(svgSpace, "rect");
    for (const [key, value] of Object.entries({ class: style, x, y: 0, width, height: 8 })) part.setAttribute(key, value);
    svg.append(part);
  };
  rect("trough", 0, 1000);
  let x = 0;
  for (const [style, permille] of parts) {
    const width = Math.min(permille, 1000 - x);
    if (width > 0) rect(style, x, width);
    x += Math.max(0, width);
  }
  return svg;
}

/** A picture that the server drew, as elements of this page; scripts in it would be refused by the page's policy. */
export function picture(text) {
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (svg.localName !== "svg") throw new Error("the server sent no picture");
  return document.importNode(svg, true);
}

/** `4m22s`, as the terminal shows it; what stands still may have tenths. */
export function time(seconds, isExact = false) {
  if (isExact && seconds < 10) return `${Math.max(0, seconds).toFixed(1)}s`;
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
  if (whole >= 60) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${whole}s`;
}

/** `12.3k`: tokens and events. */
export function count(value) {
  if (value < 1000) return String(value ?? 0);
  if (value < 1e6) return `${(value / 1e3).toFixed(value < 1e5 ? 1 : 0)}k`;
  return `${(value / 1e6).toFixed(1)}M`;
}

/** A moment as this person's clock has it. */
export function clock(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
