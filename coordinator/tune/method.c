#include "coordinator/tune/method.h"

#include <string.h>

static const struct {
    const char *text, *title;
} names[METHOD_COUNT] = {
    [METHOD_GRADIENT] = {"gradient", "MP2, two-stage gradient"},
    [METHOD_BLACK_BOX] = {"black-box", "MP2, black box"},
    [METHOD_ROUTER] = {"router", "MP2, router alone"},
    [METHOD_PROMPT] = {"prompt", "prompt tuning"},
    [METHOD_DEEP_PROMPT] = {"deep-prompt", "deep prompt tuning (P-tuning v2)"},
    [METHOD_SINGLE] = {"single", "one pre-trained prompt"},
    [METHOD_FULL] = {"full", "model tuning"},
    [METHOD_ZERO_SHOT] = {"zero-shot", "zero-shot"},
};

const char *method_text(enum method method)
{
    return names[method].text;
}

const char *method_title(enum method method)
{
    return names[method].title;
}

int method_parse(const char *text, enum method *method)
{
    for (int i = 0; i < METHOD_COUNT; i++)
        if (strcmp(names[i].text, text) == 0) {
            *method = (enum method)i;
            return 0;
        }
    return -1;
}
