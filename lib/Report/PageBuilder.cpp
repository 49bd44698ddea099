//===- PageBuilder.cpp ----------------------------------------------------===//

#include "Html.h"
#include "Sections.h"

using namespace mixln::report;

void PageBuilder::section(const std::string &title, const std::string &id) {
  if (inSection)
    body += "</section>\n";
  inSection = true;
  contents += "<a href=\"#" + id + "\">" + escape(title) + "</a>\n";
  body += "<section id=\"" + id + "\">\n<h2>" + escape(title) + "</h2>\n";
}

void PageBuilder::paragraph(const std::string &text, const char *kind) {
  body +=
      *kind ? "<p class=\"" + std::string(kind) + "\">" : std::string("<p>");
  body += escape(text) + "</p>\n";
}

void PageBuilder::heading(const std::string &text) {
  body += "<h3>" + escape(text) + "</h3>\n";
}

void PageBuilder::figure(const Figure &figure) {
  body += "<figure class=\"chart\" data-chart=\"" +
          std::to_string(charts.size()) + "\"><figcaption>" +
          escape(figure.title);
  if (!figure.note.empty())
    body += " <small>" + escape(figure.note) + "</small>";
  body += "</figcaption></figure>\n";
  charts.push_back(figure.chart);
}

void PageBuilder::figures(const std::vector<Figure> &all) {
  // Heat maps stand close together, to be compared at a glance.
  auto isSmall = [](const Figure &one) { return one.chart["kind"] == "heat"; };
  for (size_t i = 0; i < all.size(); ++i) {
    bool small = isSmall(all[i]);
    if (i == 0 || small != isSmall(all[i - 1]))
      body += std::string(i == 0 ? "" : "</div>\n") + "<div class=\"charts" +
              (small ? " small" : "") + "\">\n";
    figure(all[i]);
  }
  body += all.empty() ? "" : "</div>\n";
}

void PageBuilder::openDetails(const std::string &summary) {
  body += "<details><summary>" + escape(summary) + "</summary>\n";
}

void PageBuilder::closeDetails() { body += "</details>\n"; }

std::string PageBuilder::html() const {
  return "<nav>" + contents + "</nav>\n" + body +
         (inSection ? "</section>\n" : "");
}
