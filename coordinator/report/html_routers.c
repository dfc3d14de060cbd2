/* Routers: which modules a task uses, and the data behind the maps and curves. Gates are means over the seeds' cells.
 */
#include <math.h>
#include <string.h>

#include "coordinator/report/html.h"
#include "coordinator/report/html_text.h"

enum { MODULES_MOST = 256 };

/* Gates of a task by a method, (layers,modules) into out; 0: no seed has any, or they differ in shape. */
static int mean_gates(const struct report *r, size_t task, size_t method, int32_t *layers, int32_t *modules,
                      double **out)
{
    size_t n = 0, count = 0;

    *out = NULL;
    for (size_t i = 0; i < r->seeds; i++) {
        const struct cell_result *c = &report_cell(r, task, method, i)->result;

        if (!c->router) continue;
        if (!*out) {
            *layers = c->layers;
            *modules = c->modules;
            count = (size_t)c->layers * (size_t)c->modules;
            if (mem_alloc(count, sizeof **out, out) != ST_OK) return 0;
        }
        if (c->layers != *layers || c->modules != *modules) continue;
        for (size_t k = 0; k < count; k++) (*out)[k] += c->router[k];
        n++;
    }
    for (size_t k = 0; k < count; k++) (*out)[k] /= (double)n;
    return n > 0;
}

/* ---- which modules a task activates ---- */

/* Share of each module over all layers; returns how many there are. */
static int shares(const struct report *r, size_t task, size_t method, double share[MODULES_MOST])
{
    int32_t layers = 0, modules = 0;
    double *gates;

    if (!mean_gates(r, task, method, &layers, &modules, &gates) || modules > MODULES_MOST) {
        mem_free(gates);
        return 0;
    }
    memset(share, 0, (size_t)modules * sizeof *share);
    for (int32_t l = 0; l < layers; l++)
        for (int32_t k = 0; k < modules; k++) share[k] += gates[l * modules + k] / layers;
    mem_free(gates);
    return modules;
}

/* Those above an equal share, the largest first. */
static void put_active(FILE *to, const double *share, int modules)
{
    char shown[MODULES_MOST] = {0};

    for (int n = 0; n < modules; n++) {
        int most = -1;

        for (int k = 0; k < modules; k++)
            if (!shown[k] && share[k] > 1.0 / modules && (most < 0 || share[k] > share[most])) most = k;
        if (most < 0) break;
        shown[most] = 1;
        fprintf(to, "%s<b>%d</b>&nbsp;<span class=\"soft\">%.0f&nbsp;%%</span>", n ? ", " : "", most,
                100 * share[most]);
    }
}

static int has_router(const struct report *r, size_t method)
{
    double share[MODULES_MOST];

    for (size_t t = 0; t < r->tasks; t++)
        if (shares(r, t, method, share) > 0) return 1;
    return 0;
}

void html_modules(const struct report *r, FILE *to)
{
    double share[MODULES_MOST];

    fputs("<section id=\"modules\"><h2>Modules that a task activates</h2>\n<div class=\"scroll\" tabindex=\"0\" "
          "role=\"region\" aria-label=\"modules\">"
          "<table>\n",
          to);
    html_head(r, has_router, "text", NULL, to);
    for (size_t t = 0; t < r->tasks; t++) {
        fputs("<tr><th scope=\"row\">", to);
        html_text(to, r->task[t]);
        fputs("</th>", to);
        for (size_t m = 0; m < r->methods; m++) {
            if (!has_router(r, m)) continue;
            fputs("<td class=\"text\">", to);
            put_active(to, share, shares(r, t, m, share));
            fputs("</td>", to);
        }
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div>\n<p class=\"soft\">Modules whose gates, over all layers, are above an equal share, "
          "with their share.</p></section>\n",
          to);
}

/* ---- data for the script ---- */

static json_t *axis(const struct report *r)
{
    json_t *list = json_array();

    for (size_t m = 0; m < r->methods; m++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:i}", "id", method_text(r->method[m]), "title",
                                              method_title(r->method[m]), "colour", (int)r->method[m]));
    return list;
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* [[share of the way, dev, loss], …] of a cell; a curve of one point is none. */
static json_t *curve_of(const struct report_cell *cell)
{
    json_t *list = json_array();
    int64_t last = cell->count > 0 ? cell->points[cell->count - 1].at : 0;

    for (size_t i = 0; last > 0 && i < cell->count; i++) {
        const struct report_point *p = &cell->points[i];
        json_t *point = json_array();

        json_array_append_new(point, json_real((double)p->at / (double)last));
        json_array_append_new(point, number(p->dev));
        json_array_append_new(point, number(p->loss));
        json_array_append_new(list, point);
    }
    return list;
}

static json_t *curves(const struct report *r)
{
    json_t *tasks = json_array();

    for (size_t t = 0; t < r->tasks; t++) {
        json_t *methods = json_array();

        for (size_t m = 0; m < r->methods; m++) {
            json_t *seeds = json_array();

            for (size_t i = 0; i < r->seeds; i++)
                if (report_cell(r, t, m, i)->there) json_array_append_new(seeds, curve_of(report_cell(r, t, m, i)));
            json_array_append_new(methods, seeds);
        }
        json_array_append_new(tasks, json_pack("{s:s,s:o}", "id", r->task[t], "methods", methods));
    }
    return tasks;
}

/* (layers,modules) as a list of lists. */
static json_t *gates_json(const double *gates, int32_t layers, int32_t modules)
{
    json_t *rows = json_array();

    for (int32_t l = 0; l < layers; l++) {
        json_t *row = json_array();

        for (int32_t k = 0; k < modules; k++) json_array_append_new(row, number(gates[l * modules + k]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *routers_of(const struct report *r, size_t method)
{
    json_t *tasks = json_array();

    for (size_t t = 0; t < r->tasks; t++) {
        int32_t layers = 0, modules = 0;
        double *gates;

        if (mean_gates(r, t, method, &layers, &modules, &gates))
            json_array_append_new(
                tasks, json_pack("{s:s,s:o}", "id", r->task[t], "gates", gates_json(gates, layers, modules)));
        mem_free(gates);
    }
    return tasks;
}

json_t *html_data(const struct report *r)
{
    json_t *data = json_object(), *routers = json_array();

    for (size_t m = 0; m < r->methods; m++) json_array_append_new(routers, routers_of(r, m));
    json_object_set_new(data, "methods", axis(r));
    json_object_set_new(data, "tasks", curves(r));
    json_object_set_new(data, "routers", routers);
    return data;
}
