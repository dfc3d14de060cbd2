/* mp2 vocab CONFIG.yaml [--set key=value …]: a vocabulary from a corpus. */
#include <inttypes.h>
#include <stdio.h>

#include "cluster/base/log.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/text/vocabulary.h"
#include "coordinator/text/vocabulary_make.h"

/* Load what was written, as everybody else will, and say what it is. */
static status report(const struct vocabulary_plan *plan, const struct vocabulary_made *made)
{
    struct vocabulary *v;

    TRY(vocabulary_load(plan->vocab, &v));
    printf("%s: %" PRIu32 " rows (%" PRId64 " characters, %" PRId64 " learned pieces, %" PRId64 " unused), digest %s\n",
           plan->vocab, (uint32_t)vocabulary_size(v), made->characters, made->pieces, made->unused,
           vocabulary_digest(v));
    printf("%" PRId64 " lines, %" PRId64 " different words; %.4f %% of the characters have a piece\n", made->lines,
           made->words, 100.0 * (double)made->covered / (double)made->seen);
    vocabulary_destroy(&v);
    return ST_OK;
}

static status make_vocabulary(const struct args *args, void *config)
{
    const struct vocabulary_plan *plan = config;
    struct vocabulary_made made;

    (void)args;
    TRY(vocabulary_make(plan, &made));
    return report(plan, &made);
}

status cmd_vocab(int argc, char **argv)
{
    const struct args_form form = {
        .words = {.most = 1}, .file = 1, .table = vocabulary_plan_options, .count = vocabulary_plan_option_count};
    struct vocabulary_plan plan;

    return args_run(argc, argv, &form, &plan, make_vocabulary);
}

size_t cmd_vocab_options(const struct option **rows)
{
    *rows = vocabulary_plan_options;
    return vocabulary_plan_option_count;
}
