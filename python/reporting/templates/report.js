// Tables are sorted by a click on a heading; without this they are read as they stand.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const order = new Intl.Collator("en", { numeric: true });
      const compare = (a, b) => {
        const [x, y] = [a, b].map((row) => row.cells[column]);
        const [v, w] = [x, y].map((cell) => cell.dataset.value);
        // What has no value comes last, whichever way.
        if ((v === undefined) !== (w === undefined)) return v === undefined ? 1 : -1;
        const found = v === undefined ? order.compare(x.textContent, y.textContent) : v - w;
        return up ? found : -found;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
