"use strict";
// The page works without this but for the list of responses. Text goes into text nodes only, never into
// markup; nothing is loaded, stored or sent.
(() => {
  const $ = (id) => document.getElementById(id);
  const read = (id) => JSON.parse($(id).textContent);
  const facts = read("facts");
  const words = facts.words;
  document.documentElement.classList.add("js");

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // Messages of the ladders: the arrow that is chosen shows its message.
  const choose = (id, focus) => {
    const message = $(id);
    const call = message && message.closest(".call");
    if (!call) return;
    for (const one of call.querySelectorAll(".message")) one.classList.toggle("on", one === message);
    for (const one of call.querySelectorAll(".arrow")) {
      const on = one.dataset.message === id;
      one.classList.toggle("on", on);
      one.setAttribute("aria-current", on ? "true" : "false");
    }
    const box = message.parentElement;
    box.scrollTop = 0;
    if (focus && box.getBoundingClientRect().bottom > window.innerHeight) box.scrollIntoView({ block: "nearest" });
  };
  for (const message of document.querySelectorAll(".message.on")) choose(message.id, false);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-message]");
    if (!link) return;
    event.preventDefault();
    choose(link.dataset.message, true);
  });
  // Up and down go from arrow to arrow.
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const arrow = step && event.target.closest && event.target.closest(".arrow");
    if (!arrow) return;
    const all = [...arrow.closest("svg").querySelectorAll(".arrow")];
    const other = all[all.indexOf(arrow) + step];
    if (!other) return;
    event.preventDefault();
    other.focus();
    choose(other.dataset.message, false);
  });

  // Filters for Wireshark are copied.
  const copy = async (text, source) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy");
    }
  };
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = button.parentElement.querySelector("code");
      await copy(source.textContent, source);
      button.textContent = words.copied;
      setTimeout(() => { button.textContent = words.copy; }, 1500);
    });
  }

  // Responses.
  const table = $("rows");
  if (!table) return;
  const [FRAME, TIME, SRC, DST, TRANSPORT, CALL, REQUEST, CODE, REASON, CONTEXT, FROM, TO, MEANING, TO_DO, CAUSES] =
    Array(15).keys();
  const PAGE = 100;
  const rows = read("responses-data");
  const said = (text) => (typeof text === "number" ? facts.said[text] : text);
  const place = new Map(rows.map((row, index) => [row, index]));
  const hay = rows.map((row) =>
    [row[FRAME], row[TIME], row[SRC], row[DST], row[TRANSPORT], row[CALL], row[REQUEST], row[CODE], row[REASON],
      row[CONTEXT], row[FROM], row[TO], ...row[CAUSES]].join("\n").toLowerCase());
  const classOf = (code) => (code >= 100 && code < 700 ? `${Math.floor(code / 100)}xx` : "other");
  const styleOf = (code) => (code >= 100 && code < 700 ? `c${Math.floor(code / 100)}` : "c0");

  const option = (select, value, text) => {
    const element = make("option", "", text);
    element.value = value;
    select.append(element);
  };
  const tally = (key) => {
    const counts = new Map();
    for (const row of rows) counts.set(key(row), (counts.get(key(row)) || 0) + 1);
    return [...counts].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  };
  option($("by-class"), "", words.any);
  for (const [name, count] of tally((row) => classOf(row[CODE]))) option($("by-class"), name, `${name} (${count})`);
  option($("by-code"), "", words.any);
  for (const [code, count] of tally((row) => row[CODE])) option($("by-code"), String(code), `${code} (${count})`);
  const hosts = new Set();
  for (const row of rows) {
    if (hosts.size > 500) break;
    hosts.add(row[SRC]).add(row[DST]);
  }
  for (const host of [...hosts].sort()) option($("hosts"), host, "");

  const byPlace = (a, b) => place.get(a) - place.get(b);
  const byText = (...columns) => (a, b) => {
    for (const column of columns) {
      if (a[column] < b[column]) return -1;
      if (a[column] > b[column]) return 1;
    }
    return 0;
  };
  // Frames of several files are `file:frame`.
  const frameKey = (row) => row[FRAME].split(":").map(Number);
  const byFrame = (a, b) => {
    const [left, right] = [frameKey(a), frameKey(b)];
    return left.length === right.length && left.length === 2 && left[0] !== right[0]
      ? left[0] - right[0] : left[left.length - 1] - right[right.length - 1];
  };
  const columns = [
    [words.frame, byFrame], [words.time, byPlace], [words.from_to, byText(SRC, DST)], [words.call, byText(CALL)],
    [words.request, byText(REQUEST)], [words.response, byText(CODE, REASON)], [words.context, byText(CONTEXT)],
  ];
  let sorted = 1;
  let down = false;
  let page = 0;
  let matching = rows;

  const head = make("tr");
  const heads = columns.map(([name], index) => {
    const cell = make("th");
    cell.scope = "col";
    const button = make("button", "", name);
    button.type = "button";
    button.addEventListener("click", () => {
      down = sorted === index ? !down : false;
      sorted = index;
      page = 0;
      draw();
    });
    cell.append(button);
    head.append(cell);
    return cell;
  });
  table.tHead.append(head);

  const filter = () => {
    const wanted = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const inClass = $("by-class").value;
    const code = $("by-code").value;
    const call = $("by-call").value.trim().toLowerCase();
    const host = $("by-host").value.trim().toLowerCase();
    matching = rows.filter((row, index) =>
      (!inClass || classOf(row[CODE]) === inClass) && (!code || String(row[CODE]) === code) &&
      (!call || row[CALL].toLowerCase().includes(call)) &&
      (!host || row[SRC].toLowerCase().includes(host) || row[DST].toLowerCase().includes(host)) &&
      wanted.every((word) => hay[index].includes(word)));
    page = 0;
    draw();
  };

  const details = (row) => {
    const line = make("tr", "details");
    const cell = make("td", "more");
    cell.colSpan = columns.length;
    const list = make("dl");
    const put = (name, text) => {
      if (!text) return;
      list.append(make("dt", "", name), make("dd", "", text));
    };
    put(words.meaning, said(row[MEANING]));
    put(words.to_do, said(row[TO_DO]));
    put(words.context, row[CONTEXT]);
    for (const cause of row[CAUSES]) put(words.cause, cause);
    put(words.call, row[CALL]);
    put(words.from, row[FROM]);
    put(words.to, row[TO]);
    put(words.transport, row[TRANSPORT]);
    const ladder = facts.ladders[row[CALL]];
    if (ladder) {
      const value = make("dd");
      const link = make("a", "", words.show_ladder);
      link.href = `#call${ladder}`;
      value.append(link);
      list.append(make("dt", "", words.ladder), value);
    }
    cell.append(list);
    line.append(cell);
    return line;
  };

  const toggle = (line, button, row) => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", open ? "false" : "true");
    button.textContent = open ? "\u25b8" : "\u25be";
    if (open) line.nextElementSibling.remove();
    else line.after(details(row));
  };

  const cells = (row) => {
    const line = make("tr", "row");
    const frame = make("td", "mono");
    const button = make("button", "open", "\u25b8");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", words.details);
    frame.append(button, row[FRAME]);
    const status = make("td");
    status.append(make("span", `code ${styleOf(row[CODE])}`, String(row[CODE])), ` ${row[REASON]}`);
    line.append(frame, make("td", "mono", row[TIME]), make("td", "ends", `${row[SRC]} \u2192 ${row[DST]}`),
      make("td", "id", row[CALL]), make("td", "", row[REQUEST]), status, make("td", "say", row[CONTEXT]));
    line.addEventListener("click", (event) => {
      if (event.target !== button && String(window.getSelection())) return;
      toggle(line, button, row);
    });
    return line;
  };

  const draw = () => {
    const order = columns[sorted][1];
    const list = [...matching].sort((a, b) => (down ? -1 : 1) * order(a, b) || byPlace(a, b));
    const pages = Math.max(1, Math.ceil(list.length / PAGE));
    page = Math.min(page, pages - 1);
    table.tBodies[0].replaceChildren(...list.slice(page * PAGE, (page + 1) * PAGE).map(cells));
    heads.forEach((cell, index) => {
      if (index === sorted) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    $("shown").textContent = list.length
      ? `${list.length} ${words.calls_of} ${rows.length} ${words.shown}` : words.no_match;
    $("page").textContent = `${words.page} ${page + 1} / ${pages}`;
    $("previous").disabled = page === 0;
    $("next").disabled = page === pages - 1;
    $("pages").hidden = pages === 1;
  };

  const filters = $("filters");
  filters.hidden = false;
  filters.addEventListener("input", filter);
  filters.addEventListener("reset", () => setTimeout(filter));
  filters.addEventListener("submit", (event) => event.preventDefault());
  const turn = (by) => () => {
    page += by;
    draw();
    $("shown").scrollIntoView({ block: "nearest" });
  };
  $("previous").addEventListener("click", turn(-1));
  $("next").addEventListener("click", turn(1));
  draw();
})();
