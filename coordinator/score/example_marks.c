#include "coordinator/score/example_marks.h"

struct answer_marks example_marks(const struct example *x, int product, int independent)
{
    return (struct answer_marks){.options = x->options,
                                 .option = x->option,
                                 .context_first = x->context_first,
                                 .context_last = x->context_last,
                                 .none_first = x->none_first,
                                 .none_last = x->none_last,
                                 .reference = x->options ? product : independent};
}
