#include "coordinator/report/html_text.h"

void html_text(FILE *to, const char *text)
{
    for (; *text; text++) switch (*text) {
        case '&': fputs("&amp;", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '"': fputs("&quot;", to); break;
        case '\'': fputs("&#39;", to); break;
        default: fputc(*text, to);
        }
}

void html_stat(FILE *to, const struct stat *s)
{
    if (s->n == 0) fputs("–", to);
    else if (s->n == 1) fprintf(to, "%.1f", 100 * s->mean);
    else fprintf(to, "%.1f ± %.1f", 100 * s->mean, 100 * s->sd);
}

void html_count(FILE *to, double n)
{
    static const struct {
        double limit;
        const char *suffix;
    } scale[] = {{1e9, "G"}, {1e6, "M"}, {1e4, "k"}};

    for (size_t i = 0; i < sizeof scale / sizeof *scale; i++)
        if (n >= scale[i].limit) {
            fprintf(to, "%.3g&nbsp;%s", n / (scale[i].limit == 1e4 ? 1e3 : scale[i].limit), scale[i].suffix);
            return;
        }
    fprintf(to, "%.0f", n);
}
