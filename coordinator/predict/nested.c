/* A walk over the members of a first object: a line of JSON ends in it, a SQuAD file has a list "data" in it. */
#include "coordinator/predict/nested.h"

#include <string.h>

struct nested_walk {
    const char *at, *end;
};

static int next_char(struct nested_walk *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\t' || *w->at == '\r' || *w->at == '\n')) w->at++;
    return w->at < w->end ? *w->at : 0;
}

/* At a quote: after the closing one. 1; 0: a line ends inside, so it is no JSON; -1: more is needed. */
static int skip_text(struct nested_walk *w)
{
    for (w->at++; w->at < w->end; w->at++) {
        if (*w->at == '\n') return 0;
        if (*w->at == '"') return w->at++, 1;
        w->at += *w->at == '\\';
    }
    return -1;
}

/* After a member's value, where a comma or the object's end stands. As skip_text. */
static int skip_value(struct nested_walk *w)
{
    int depth = 0;

    while (w->at < w->end) {
        char c = *w->at;

        if (c == '"') {
            int done = skip_text(w);
            if (done != 1) return done;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}')) return 1;
        depth += (c == '[' || c == '{') - (c == ']' || c == '}');
        if (depth < 0) return 0;
        w->at++;
    }
    return -1;
}

/* At a member's name. 1: it is a list named "data"; 0: no JSON; 2: another one, and after its value; -1. */
static int member(struct nested_walk *w)
{
    const char *name;
    size_t n;
    int done;

    if (next_char(w) != '"') return w->at < w->end ? 0 : -1;
    name = w->at;
    done = skip_text(w);
    if (done != 1) return done;
    n = (size_t)(w->at - name);
    if (next_char(w) != ':') return w->at < w->end ? 0 : -1;
    w->at++;
    if (next_char(w) == '[' && n == 6 && memcmp(name, "\"data\"", n) == 0) return 1;
    done = skip_value(w);
    return done == 1 ? 2 : done;
}

int nested_begins(const char *text, size_t n)
{
    struct nested_walk w = {text, text + n};
    size_t mark = n < 3 ? n : 3;
    int c;

    if (memcmp(text, "\xef\xbb\xbf", mark) == 0) w.at += mark;
    c = next_char(&w);
    if (c == 0) return -1;
    if (c != '[' && c != '{') return 0;
    w.at++;
    if (c == '[') {
        c = next_char(&w);
        return c == 0 ? -1 : c == '{';
    }
    for (;;) {
        int done = member(&w);

        if (done != 2) return done;
        if (*w.at == '}') return 0;
        w.at++;
    }
}
