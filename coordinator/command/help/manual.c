#include "coordinator/command/help/manual.h"

#include <string.h>

#include "cluster/base/options.h"

/* A dash that is no hyphen, no backslash, and no control line by a dot or quote at the beginning of one. */
static void put_text(const char *text, FILE *to)
{
    int first = 1;

    for (; *text; text++) {
        if (first && (*text == '.' || *text == '\'')) fputs("\\&", to);
        if (*text == '\\') fputs("\\e", to);
        else if (*text == '-') fputs("\\-", to);
        else putc(*text, to);
        first = *text == '\n';
    }
}

static void put_line(const char *before, const char *text, const char *after, FILE *to)
{
    fputs(before, to);
    put_text(text, to);
    fputs(after, to);
    putc('\n', to);
}

static void put_head(const char *name, const char *summary, FILE *to)
{
    fprintf(to,
            ".\\\" Written by `mp2 help --pages`.\n.TH \"%s\" 1 \"\" \"mp2 " MP2_VERSION "\" \"User Commands\"\n"
            ".SH NAME\n",
            name);
    put_text(name, to);
    put_line(" \\- ", summary, "", to);
}

static void put_usage(const char *path, const struct command *c, FILE *to)
{
    fputs(".B mp2 ", to);
    put_text(path, to);
    put_line("", c->name, "", to);
    if (c->arguments[0]) put_line("", c->arguments, "", to);
}

static void put_options(const struct command *c, FILE *to)
{
    const struct option *rows = NULL;
    size_t count = c->options ? c->options(&rows) : 0;
    char what[512];

    for (size_t i = 0; i < count; i++) {
        option_describe(&rows[i], what, sizeof what);
        put_line(".TP\n\\fB", rows[i].name, "\\fR", to);
        put_line("", what, "", to);
        put_line(".br\n", rows[i].help, ".", to);
    }
    if (c->also) {
        fputs(".PP\nOptions of\n", to);
        fprintf(to, ".BR mp2\\-%s (1)\ncount here, too.\n", c->also);
    }
}

static void put_details(const struct command *c, FILE *to)
{
    if (c->about) put_line("", c->about, "", to);
    if (c->flags) put_line(".PP\n.nf\n", c->flags, ".fi", to);
}

static void put_see_also(const char *page, FILE *to)
{
    fprintf(to, ".SH SEE ALSO\n.BR %s (1),\n.BR mpirun (1)\n", page);
}

void manual_write_main(const struct command *c, FILE *to)
{
    (void)c;
    put_head("mp2", "distributed pre-training of modular prompts for Chinese few-shot learning", to);
    fputs(".SH SYNOPSIS\n.B mp2\nCOMMAND [CONFIG.yaml] [\\-\\-set key=value …]\n.SH DESCRIPTION\n"
          "Pre-trains combinable soft prompts over a frozen Chinese encoder on many tasks at once, on the nodes of a "
          "cluster, and tunes them for new tasks from a few examples. Each command has a page of its own,\n"
          ".BR mp2\\-pretrain (1)\nand so on.\n.SH COMMANDS\n",
          to);
    for (int i = 0; i < command_table_main.count; i++) {
        put_line(".TP\n\\fB", command_table_main.commands[i].name, "\\fR", to);
        put_line("", command_table_main.commands[i].summary, "", to);
    }
    fputs(".SH EXIT STATUS\n0 done, 1 failed run, 2 bad usage or input, 3 lost peers.\n", to);
    fputs(".SH ENVIRONMENT\n.TP\n.B MP2_MAX_ISA\navx2, avx512 or avx512bf16: no instruction set beyond this one is "
          "used, whatever the CPU has.\n.TP\n.B ONEDNN_MAX_CPU_ISA\nThe same for oneDNN: AVX2, AVX512_CORE, …\n",
          to);
    put_see_also("mp2\\-monitor", to);
}

void manual_write_command(const struct command *c, FILE *to)
{
    const struct command_table *sub = c->subcommands;
    char name[64];

    snprintf(name, sizeof name, "mp2-%s", c->name);
    put_head(name, c->summary, to);
    fputs(".SH SYNOPSIS\n", to);
    put_usage("", c, to);
    if (c->about || c->flags) fputs(".SH DESCRIPTION\n", to);
    put_details(c, to);
    if (c->options || c->also)
        fputs(".SH OPTIONS\nGiven as \\-\\-name value, as \\-\\-set name=value, or, where there "
              "is a configuration file, in it.\n",
              to);
    put_options(c, to);
    for (int i = 0; sub && i < sub->count; i++) {
        fprintf(to, "%s.SS \"%s\"\n", i ? "" : ".SH SUBCOMMANDS\n", sub->commands[i].name);
        put_usage(sub->path, &sub->commands[i], to);
        put_line(".PP\n", sub->commands[i].summary, ".", to);
        put_details(&sub->commands[i], to);
        put_options(&sub->commands[i], to);
    }
    put_see_also("mp2", to);
}
