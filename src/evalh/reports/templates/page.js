// Sorts tables by a click on a heading. Rows that lack the value stay last in either direction.
(function () {
  "use strict";
  function value(row, column, text) {
    var cell = row.cells[column];
    var stored = cell.getAttribute("data-v");
    if (text) return cell.textContent.trim();
    var number = stored === null ? parseFloat(cell.textContent) : parseFloat(stored);
    return isNaN(number) ? null : number;
  }
  function sort(table, heading, column) {
    var text = heading.dataset.kind === "text";
    var first = heading.dataset.kind === "down" ? "descending" : "ascending";
    var other = first === "ascending" ? "descending" : "ascending";
    var order = heading.getAttribute("aria-sort") === first ? other : first;
    var sign = order === "ascending" ? 1 : -1;
    var rows = Array.from(table.tBodies[0].rows).map(function (row) {
      return { row: row, key: value(row, column, text) };
    });
    rows.sort(function (a, b) {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return sign * (text ? a.key.localeCompare(b.key, "en") : a.key - b.key);
    });
    rows.forEach(function (item) { table.tBodies[0].appendChild(item.row); });
    Array.from(table.tHead.rows[0].cells).forEach(function (cell) { cell.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", order);
  }
  document.querySelectorAll("table.sortable").forEach(function (table) {
    Array.from(table.tHead.rows[0].cells).forEach(function (heading, column) {
      if (!heading.dataset.kind) return;
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.replaceChildren(button);
      button.addEventListener("click", function () { sort(table, heading, column); });
    });
  });
})();
