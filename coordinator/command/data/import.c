/* mp2 data import: raw folders into shards, with a line a task and the reasons of what was not taken. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "cluster/base/options.h"
#include "coordinator/command/args.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/data/import.h"

struct import_config {
    const char *raw, *data, *vocab, *catalogue;
    struct option_list tasks;
    int strict;
};

#define AT(field) offsetof(struct import_config, field)
static const struct option table[] = {
    TEXT_OPTION("raw", AT(raw), NULL, RESULT, "folder of the published data, one folder a data set"),
    TEXT_OPTION("data", AT(data), NULL, PLACEMENT, "folder of the shards, made when missing"),
    TEXT_OPTION("vocab", AT(vocab), NULL, RESULT, "the encoder's folder, its vocab.txt or its tokenizer.json"),
    TEXT_OPTION("catalogue", AT(catalogue), "configs/tasks", RESULT, "folder of the tasks' entries"),
    LIST_OPTION("tasks", AT(tasks), "", RESULT, "ids of the tasks to import; empty: all that are not off"),
    BOOL_OPTION("strict", AT(strict), "false", RESULT, "stop at the first bad row, with its place"),
};
enum { ROWS = sizeof table / sizeof *table };

struct totals {
    int tasks, absent;
    int64_t read, kept, bad, ignored, duplicates;
};

static void show_reasons(const struct tally *t)
{
    for (int i = 0; i < t->lines; i++)
        printf("    %-9s %8" PRId64 "  %s%s%s%s\n", tally_kind_text(t->line[i].kind), t->line[i].count, t->line[i].what,
               t->line[i].first[0] ? " (first: " : "", t->line[i].first, t->line[i].first[0] ? ")" : "");
}

static void show_report(void *arg, const struct import_report *r)
{
    struct totals *sum = arg;

    if (!r->source) {
        printf("%-20s left out: its files are not there\n", r->entry->id);
        sum->absent++;
        return;
    }
    printf("%-20s read %7" PRId64 "  kept", r->entry->id, r->read);
    for (int i = 0; i < SPLIT_COUNT; i++) {
        if (r->rows[i])
            printf("  %s %" PRId64 "%s", split_text((enum split)i), r->rows[i], r->drawn[i] ? " (drawn)" : "");
        sum->kept += r->rows[i];
    }
    printf("\n");
    show_reasons(&r->tally);
    fflush(stdout);
    sum->tasks++;
    sum->read += r->read;
    sum->bad += tally_sum(&r->tally, TALLY_BAD);
    sum->ignored += tally_sum(&r->tally, TALLY_IGNORED);
    sum->duplicates += tally_sum(&r->tally, TALLY_DUPLICATE);
}

static status import(const struct args *args, void *config)
{
    const struct import_config *c = config;
    const struct import_options options = {c->raw, c->data, c->tasks, c->strict};
    struct totals sum = {0};
    struct vocabulary *vocabulary;
    struct catalogue catalogue;
    status s;

    (void)args;
    TRY(catalogue_load(c->catalogue, &catalogue));
    s = vocabulary_load(c->vocab, &vocabulary);
    if (s == ST_OK) {
        s = import_run(&catalogue, vocabulary, &options, show_report, &sum);
        vocabulary_destroy(&vocabulary);
    }
    catalogue_free(&catalogue);
    if (s == ST_OK)
        printf("%d tasks imported, %d left out; rows: %" PRId64 " read, %" PRId64 " kept, %" PRId64 " bad, %" PRId64
               " left out by their label, %" PRId64 " in two splits\n",
               sum.tasks, sum.absent, sum.read, sum.kept, sum.bad, sum.ignored, sum.duplicates);
    return s;
}

size_t cmd_data_import_options(const struct option **rows)
{
    *rows = table;
    return ROWS;
}

status cmd_data_import(int argc, char **argv)
{
    const struct args_form form = {.words = {.most = 1}, .file = 1, .table = table, .count = ROWS};
    struct import_config config;

    return args_run(argc, argv, &form, &config, import);
}
