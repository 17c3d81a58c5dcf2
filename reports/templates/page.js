(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const get = (id) => document.getElementById(id);
  const details = JSON.parse(get("details").textContent);
  const boards = all(".board");

  /* Sorting: best first, then worst first, then the paper's order. Rows without a number stay last. */
  for (const board of boards) {
    const body = board.querySelector("tbody");
    const original = [...body.rows];
    const headers = all("thead th[aria-sort]", board);
    const facts = all("thead th.fact", board).length;
    const position = (header) =>
      header.closest("tr").classList.contains("groups")
        ? headers.indexOf(header)
        : 1 + facts + all("tr.labels th", board).indexOf(header);
    for (const header of headers) {
      const button = header.querySelector("button");
      button.addEventListener("click", () => {
        const number = button.dataset.kind === "number";
        const order = number ? ["none", "descending", "ascending"] : ["none", "ascending", "descending"];
        const next = order[(order.indexOf(header.getAttribute("aria-sort")) + 1) % 3];
        headers.forEach((other) => other.setAttribute("aria-sort", "none"));
        header.setAttribute("aria-sort", next);
        const column = position(header);
        const value = (row) => row.cells[column].dataset.value;
        const sign = next === "descending" ? -1 : 1;
        const compare = (a, b) => {
          const [x, y] = [value(a), value(b)];
          if (x === "" || y === "") return (x === "") - (y === "");
          return sign * (number ? x - y : x.localeCompare(y, "en", { numeric: true }));
        };
        body.append(...(next === "none" ? original : [...original].sort(compare)));
        roam(board);
      });
    }
  }

  /* One tab stop a table; arrows move between its numbers. */
  const visible = (element) => element.offsetParent !== null;
  function roam(board) {
    const cells = all("button.cell", board);
    cells.forEach((cell) => { cell.tabIndex = -1; });
    const first = cells.find(visible);
    if (first) first.tabIndex = 0;
  }
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  document.addEventListener("keydown", (event) => {
    const cell = event.target.closest?.("button.cell");
    const step = steps[event.key];
    if (!cell || !step) return;
    event.preventDefault();
    let place = cell.closest("td");
    let target = null;
    while (place && !target) {
      const row = place.parentElement;
      const index = place.cellIndex;
      const nextRow = step[0] < 0 ? row.previousElementSibling : row.nextElementSibling;
      place = step[0] ? nextRow?.cells[index] : row.cells[index + step[1]];
      const button = place?.querySelector("button.cell");
      if (button && visible(button)) target = button;
    }
    if (!target) return;
    cell.tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
  });

  /* Filters. A search word narrows what it names in a table: the table itself, its methods or its
     datasets, in that order; a table in which it names nothing is left out. */
  const controls = ["q", "setting", "dataset", "method"].map(get);
  function words(board, rows, groups, query) {
    const left = query.toLowerCase().split(/\s+/).filter((word) => word && !board.dataset.title.includes(word));
    const names = (parts, word) => parts.some((part) => part.dataset.title.includes(word));
    const ofRows = left.filter((word) => names(rows, word));
    const ofGroups = left.filter((word) => !ofRows.includes(word) && names(groups, word));
    return { ofRows, ofGroups, unknown: ofRows.length + ofGroups.length < left.length };
  }
  function narrow(board, [query, setting, dataset, method]) {
    const rows = all("tbody tr", board);
    const groups = all("th.group", board);
    const { ofRows, ofGroups, unknown } = words(board, rows, groups, query);
    const datasets = new Set(groups
      .filter((th) => (!dataset || th.dataset.dataset === dataset)
        && ofGroups.every((word) => th.dataset.title.includes(word)))
      .map((th) => th.dataset.dataset));
    for (const part of all("[data-dataset]", board)) part.hidden = !datasets.has(part.dataset.dataset);
    const lines = new Set();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !((!method || row.dataset.method === method)
        && ofRows.every((word) => row.dataset.title.includes(word))
        && row.querySelector("td:not([hidden]) button"));
      if (row.hidden) continue;
      shown += 1;
      lines.add(row.dataset.row);
    }
    for (const line of all("[data-line]", board)) {
      (line.closest("li") || line).toggleAttribute("hidden", !lines.has(line.dataset.line));
    }
    board.hidden = unknown || !shown || Boolean(setting && board.dataset.setting !== setting);
    roam(board);
    return board.hidden ? 0 : shown;
  }
  function apply() {
    const values = controls.map((control) => control.value.trim());
    const rows = boards.reduce((sum, board) => sum + narrow(board, values), 0);
    get("found").textContent = values.some(Boolean) ? `${rows} ${rows === 1 ? "row" : "rows"}` : "";
    get("nothing").hidden = rows > 0 || !boards.length;
    remember();
  }
  const toggles = ["std", "interval", "published"].map((name) => [name, get(`show-${name}`)]).filter(([, box]) => box);
  function show() {
    for (const [name, box] of toggles) document.body.classList.toggle(`no-${name}`, !box.checked);
    remember();
  }
  let ready = false;
  function remember() {
    if (!ready) return;
    const state = new URLSearchParams();
    for (const control of controls) if (control.value) state.set(control.id, control.value);
    for (const [name, box] of toggles) if (!box.checked) state.set(name, "off");
    const hash = state.toString();
    history.replaceState(null, "", hash ? `#?${hash}` : location.pathname + location.search);
  }
  function recall() {
    if (!location.hash.startsWith("#?")) return;
    const state = new URLSearchParams(location.hash.slice(2));
    for (const control of controls) if (state.has(control.id)) control.value = state.get(control.id);
    for (const [name, box] of toggles) box.checked = state.get(name) !== "off";
  }
  const form = get("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { show(); apply(); });
  form.addEventListener("reset", () => setTimeout(() => { show(); apply(); }));

  /* Curves: hovering, focusing or pressing a name brings its line out. */
  for (const figure of all(".curves")) {
    const light = (row) => {
      figure.classList.toggle("highlight", Boolean(row));
      for (const line of all(".series", figure)) line.classList.toggle("on", line.dataset.line === row);
    };
    const held = () => figure.querySelector("[aria-pressed=true]")?.dataset.line ?? null;
    for (const button of all(".legend button", figure)) {
      button.addEventListener("mouseenter", () => light(button.dataset.line));
      button.addEventListener("focus", () => light(button.dataset.line));
      for (const leave of ["mouseleave", "blur"]) button.addEventListener(leave, () => light(held()));
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        all(".legend button", figure).forEach((other) => other.setAttribute("aria-pressed", "false"));
        button.setAttribute("aria-pressed", String(on));
        light(held());
      });
    }
  }

  /* Details of a number; text only, never markup. */
  const dialog = get("detail");
  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  };
  function grid(head, rows, name) {
    const table = make("table", undefined, name);
    if (head.length) {
      const line = table.createTHead().insertRow();
      head.forEach((text) => line.append(make("th", text)));
    }
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      row.forEach((text, i) => line.append(make(!head.length && i === 0 ? "th" : "td", text)));
    }
    const box = make("div", undefined, "wide");
    box.append(table);
    return box;
  }
  function open(id) {
    const item = details[id];
    const body = get("detail-body");
    const title = make("h2", item.title);
    title.id = "detail-title";
    body.replaceChildren(title, make("span", `${item.setting} · ${item.status}`, `status ${item.state}`));
    if (item.headline) body.append(make("p", item.headline, "headline"));
    item.notes.forEach((note) => body.append(make("p", note)));
    if (item.members.rows.length) {
      body.append(make("h3", "What it is the mean of"), grid(item.members.head, item.members.rows, "members"));
      body.append(make("p", "Clips: listed / present / decoded / scored. Jobs by the first digits of their keys.", "note"));
    }
    for (const group of item.facts) body.append(make("h3", group.title), grid([], group.rows, "facts"));
    dialog.showModal();
    dialog.scrollTop = 0;
  }
  document.addEventListener("click", (event) => {
    const cell = event.target.closest?.("[data-cell]");
    if (cell) open(cell.dataset.cell);
    else if (event.target === dialog) dialog.close();
  });

  recall();
  show();
  apply();
  ready = true;
})();
