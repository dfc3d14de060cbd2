/* From options to an encoder. */
#include "worker/model/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"

_Static_assert(sizeof(enum precision_choice) == sizeof(int) && sizeof(enum isa) == sizeof(int) &&
                   sizeof(enum matmul_engine) == sizeof(int),
               "options write a choice as an int");

/* Units are nodes of a binary tree of examples. */
static status check_units(const struct machine_config *m)
{
    if ((m->unit_examples & (m->unit_examples - 1)) == 0) return ST_OK;
    return fault(ST_INPUT, "machine.unit_examples: found %lld, expected a power of two", (long long)m->unit_examples);
}

static enum precision_choice recorded(const struct machine_config *m)
{
    if (!m->recalled[0]) return PRECISION_AUTO;
    return strncmp(m->recalled, "f32", 3) == 0 ? PRECISION_F32 : PRECISION_BF16;
}

static void describe_choice(const struct machine_config *m, const struct replica_facts *facts,
                            char out[REPLICA_CHOICE_BYTES])
{
    const struct precision_rates *r = &facts->measured;
    int bf16 = facts->precision == NUMBER_BF16;

    if (m->recalled[0] && (recorded(m) == PRECISION_BF16) == bf16)
        snprintf(out, REPLICA_CHOICE_BYTES, "%s", m->recalled); /* with the rates from the start of the run */
    else if (r->f32 > 0)
        snprintf(out, REPLICA_CHOICE_BYTES, "%s: %.0f GFLOP/s a worker (%s: %.0f)", bf16 ? "bf16" : "f32",
                 (bf16 ? r->bf16 : r->f32) * 1e-9, bf16 ? "f32" : "bf16", (bf16 ? r->f32 : r->bf16) * 1e-9);
    else snprintf(out, REPLICA_CHOICE_BYTES, "%s", bf16 ? "bf16" : "f32");
}

status machine_open(struct comm *c, const struct machine_config *m, const struct machine_encoder *e, struct replica *r)
{
    const struct replica_options o = {.folder = e->folder,
                                      .spill = e->spill,
                                      .precision = m->precision,
                                      .recorded = recorded(m),
                                      .isa = m->isa,
                                      .engine = m->engine,
                                      .threads = m->threads ? (int)m->threads : replica_threads(c),
                                      .exact = m->exact};

    TRY(comm_agree(c, c->rank == 0 ? check_units(m) : ST_OK));
    TRY(replica_open(c, &o, e->model, r));
    if (m->precision == PRECISION_AUTO) describe_choice(m, &r->facts, r->choice);
    if (r->facts.measured.f32 > 0) log_info("precision", "choice=\"%s\"", r->choice);
    return ST_OK;
}

/* ---- the choice ---- */

static const char NOTE[] = "# machine.precision: auto is ";

status machine_note(const struct replica *r, char **text)
{
    size_t n = strlen(*text), more = sizeof NOTE + strlen(r->choice) + 2;
    char *longer;

    if (r->facts.measured.f32 > 0) log_note("precision %s", r->choice);
    if (!r->choice[0]) return ST_OK;
    longer = realloc(*text, n + more);
    if (!longer) return fault(ST_MEMORY, "out of memory: the configuration");
    snprintf(longer + n, more, "%s%s\n", NOTE, r->choice);
    *text = longer;
    return ST_OK;
}

/* Read what follows the note's prefix in a line of the file. */
static void read_note(FILE *file, char out[REPLICA_CHOICE_BYTES])
{
    char *line = NULL;
    size_t room = 0;

    snprintf(out, REPLICA_CHOICE_BYTES, "bf16");
    while (getline(&line, &room, file) > 0)
        if (strncmp(line, NOTE, sizeof NOTE - 1) == 0)
            snprintf(out, REPLICA_CHOICE_BYTES, "%.*s", (int)strcspn(line + sizeof NOTE - 1, "\n"),
                     line + sizeof NOTE - 1);
    free(line);
}

status machine_recall(struct comm *c, const char *path, struct machine_config *m)
{
    FILE *file;

    if (m->precision != PRECISION_AUTO) return ST_OK;
    if (c->rank == 0 && (file = fopen(path, "re"))) {
        read_note(file, m->recalled);
        fclose(file);
    }
    return comm_broadcast(c, m->recalled, sizeof m->recalled, 0);
}
