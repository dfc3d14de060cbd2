#include "coordinator/tune/stages.h"

#include <string.h>

void stages_add(struct stages *s, struct stage stage)
{
    if (s->count < STAGES_MOST) s->list[s->count++] = stage;
}

int64_t stages_steps(const struct stages *s)
{
    int64_t sum = 0;

    for (int i = 0; i < s->count; i++) sum += s->list[i].epochs;
    return sum;
}

const struct stage *stages_at(const struct stages *s, int64_t step, int *first)
{
    int64_t before = 0;

    for (int i = 0; i < s->count; before += s->list[i++].epochs)
        if (step > before && step <= before + s->list[i].epochs) {
            *first = step == before + 1;
            return &s->list[i];
        }
    return NULL;
}

int stages_number(const struct stages *s, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->list[i].name, name) == 0) return i + 1;
    return 0;
}

const char *stages_name(const struct stages *s, int number)
{
    return number > 0 && number <= s->count ? s->list[number - 1].name : "start";
}
