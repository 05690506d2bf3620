// What the tests look for inside a page. `Page::script` evaluates all of this and then calls one function of it.

/** Says in a few words which element this is. */
function describe(element) {
  if (!element || element === document.body || element === document.documentElement) return "the page";
  const name = element.id ? `#${element.id}` : [...element.classList].map((it) => `.${it}`).join("");
  const href = element.getAttribute("href");
  const label = element.getAttribute("aria-label") || element.value || element.textContent;
  const text = String(label).trim().replace(/\s+/g, " ").slice(0, 60);
  return [element.localName + name, text && `"${text}"`, href && `→ ${href}`].filter(Boolean).join(" ");
}

/** Whether people can see an element, perhaps after scrolling. */
function isVisible(element) {
  return element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
}

/** Whether an element cuts or scrolls what is too wide for it. */
function holdsBack(element) {
  return getComputedStyle(element).overflowX !== "visible";
}

/** What makes the page scroll sideways, and what scrolls sideways but not by keyboard. */
function overflowing() {
  const page = document.scrollingElement;
  const width = page.clientWidth;
  const problems = [];
  const visit = (element) => {
    const box = element.getBoundingClientRect();
    if (isVisible(element) && box.width > 0 && box.right > width + 0.5) {
      problems.push(`${describe(element)} reaches to ${Math.round(box.right)} of ${width} pixels`);
      return;
    }
    if (element !== document.body && holdsBack(element)) {
      const scrolls = /auto|scroll/.test(getComputedStyle(element).overflowX);
      if (scrolls && element.scrollWidth > element.clientWidth && element.tabIndex < 0) {
        problems.push(`${describe(element)} scrolls sideways, but is not focusable: tabindex="0" is missing`);
      }
      return;
    }
    for (const child of element.childNodes) {
      if (child.nodeType === Node.ELEMENT_NODE) {
        visit(child);
      } else if (child.nodeType === Node.TEXT_NODE) {
        const range = document.createRange();
        range.selectNodeContents(child);
        if (isVisible(element) && [...range.getClientRects()].some((box) => box.right > width + 0.5)) {
          problems.push(`the text of ${describe(element)} is wider than ${width} pixels`);
        }
      }
    }
  };
  visit(document.body);
  const scrolls = page.scrollWidth > width;
  if (scrolls && problems.length === 0) problems.push("the page");
  // What is beyond the edge but makes nothing scroll is cut on purpose; what cannot be scrolled to is a problem always.
  return problems.filter((it) => scrolls || it.includes("not focusable"));
}

const INTERACTIVE = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';

/** What could show that an element has the focus. */
function indication(element) {
  const style = getComputedStyle(element);
  const transparent = /^(transparent|rgba\(.*, 0\))$/.test(style.outlineColor);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 && !transparent;
  const outline = outlined ? `${style.outlineStyle} ${style.outlineWidth} ${style.outlineColor}` : "none";
  return { outline, shadow: style.boxShadow };
}

/** Begins to walk through the page by keyboard. */
function walkBegins() {
  const elements = [...document.querySelectorAll(INTERACTIVE)].filter((it) => isVisible(it) && !it.disabled);
  const before = new Map([...document.querySelectorAll("body *")].map((it) => [it, indication(it)]));
  window.chiplogWalk = { elements, before, reached: new Set(), wrapped: false };
  return elements.length;
}

/** What the last press of Tab reached; null when all has been reached. */
function walkStep() {
  const walk = window.chiplogWalk;
  const element = document.activeElement;
  if (!element || element === document.body || element === document.documentElement) {
    // The end of the page, from where it goes on at its beginning.
    if (walk.wrapped) return null;
    walk.wrapped = true;
    return {};
  }
  if (walk.reached.has(element)) return null;
  walk.reached.add(element);
  const [now, before] = [indication(element), walk.before.get(element)];
  const shown = (kind) => now[kind] !== "none" && now[kind] !== before?.[kind];
  return { reached: describe(element), indicated: shown("outline") || shown("shadow") };
}

/** What should have been reached and was not. Of radio buttons of one name, Tab reaches one and arrows the others. */
function walkEnds() {
  const { elements, reached } = window.chiplogWalk;
  const ofGroup = (it) => it.type === "radio" && [...reached].some((other) => other.type === "radio" && other.name === it.name);
  return elements.filter((it) => !reached.has(it) && !ofGroup(it)).map(describe);
}

/** How wide the printed page is between its margins, in pixels: A4 unless the page's own @page says otherwise. */
function printedWidth() {
  const pixels = (length) => {
    const probe = document.createElement("div");
    probe.style.cssText = `position: absolute; width: ${length}`;
    document.body.append(probe);
    const width = probe.getBoundingClientRect().width;
    probe.remove();
    return width;
  };
  let [paper, left, right] = ["210mm", "0.4in", "0.4in"];
  const visit = (rules) => {
    for (const rule of rules) {
      if (rule instanceof CSSMediaRule) visit(rule.cssRules);
      if (!(rule instanceof CSSPageRule) || rule.selectorText) continue;
      left = rule.style.marginLeft || left;
      right = rule.style.marginRight || right;
      if (rule.style.getPropertyValue("size").includes("landscape")) paper = "297mm";
    }
  };
  for (const sheet of document.styleSheets) visit(sheet.cssRules);
  return Math.floor(pixels(paper) - pixels(left) - pixels(right));
}

/** Whether a text is there for screen readers only: in a box of a pixel or clipped away. */
function isForScreenReaders(element) {
  for (let it = element; it && it.localName !== "tr"; it = it.parentElement) {
    const style = getComputedStyle(it);
    const small = it.getBoundingClientRect().width <= 1 && style.overflowX !== "visible";
    if (small || /inset\((50|100)%/.test(style.clipPath) || style.clip.startsWith("rect(")) return true;
  }
  return false;
}

/** The visible tables as they would be printed: which are cut, and the words of each row. */
function printedTables() {
  const problems = [];
  const rows = [];
  const width = document.scrollingElement.clientWidth;
  for (const table of document.querySelectorAll("table")) {
    if (!isVisible(table)) continue;
    const box = table.getBoundingClientRect();
    const cuts = (it) => {
      const below = getComputedStyle(it).overflowY !== "visible" && it.scrollHeight > it.clientHeight + 1;
      return below || (holdsBack(it) && it.scrollWidth > it.clientWidth + 1);
    };
    let around = table.parentElement;
    while (around !== document.body && !cuts(around)) around = around.parentElement;
    if (around !== document.body) {
      problems.push(`${describe(table)} is cut by ${describe(around)} around it`);
    } else if (box.right > width + 0.5 || box.left < -0.5) {
      const [left, right] = [box.left, box.right].map(Math.round);
      problems.push(`${describe(table)} reaches from ${left} to ${right} on a printed page of ${width} pixels`);
    }
    for (const row of table.rows) {
      const words = [];
      const texts = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const text = texts.currentNode;
        const range = document.createRange();
        range.selectNodeContents(text);
        const shown = isVisible(text.parentElement) && range.getClientRects().length > 0;
        if (shown && !isForScreenReaders(text.parentElement)) words.push(...text.data.split(/\s+/).filter(Boolean));
      }
      if (words.length > 0) rows.push(words);
    }
  }
  return { problems, rows };
}
