/* mp2 help [COMMAND | --pages FOLDER]: what the tables of commands and options say, as text; or, for packages, as
 * manual pages and completions. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/options.h"
#include "coordinator/command/command.h"
#include "coordinator/command/commands.h"
#include "coordinator/command/help/completion.h"
#include "coordinator/command/help/manual.h"

enum { COLUMNS = 118 };

/* The words of text, in lines of so many characters; a character may be several bytes. */
static void print_wrapped(const char *text)
{
    int at = 0;

    while (*text) {
        size_t n = strcspn(text, " ");
        int wide = 0;

        for (size_t i = 0; i < n; i++) wide += ((unsigned char)text[i] & 0xc0) != 0x80;
        if (at > 0) {
            putchar(at + 1 + wide > COLUMNS ? '\n' : ' ');
            at = at + 1 + wide > COLUMNS ? 0 : at + 1;
        }
        printf("%.*s", (int)n, text);
        at += wide;
        text += n + (text[n] == ' ');
    }
    putchar('\n');
}

static void print_options(const struct command *c)
{
    const struct option *rows;
    const char *file = strstr(c->arguments, "CONFIG.yaml") ? "CONFIG.yaml, " : "";

    if (c->options) {
        size_t count = c->options(&rows);

        printf("\nOptions (%s--set name=value, or --name value):\n", file);
        options_help(rows, count, stdout);
    }
    if (c->also) printf("\n%s those of `mp2 help %s`.\n", c->options ? "And" : "Options:", c->also);
}

static void print_command(const char *path, const struct command *c)
{
    printf("usage: mp2 %s%s %s\n\n%s\n", path, c->name, c->arguments, c->summary);
    if (c->about) {
        putchar('\n');
        print_wrapped(c->about);
    }
    if (c->flags) printf("\n%s", c->flags);
    print_options(c);
    for (int i = 0; c->subcommands && i < c->subcommands->count; i++) {
        putchar('\n');
        print_command(c->subcommands->path, &c->subcommands->commands[i]);
    }
}

static void print_commands(void)
{
    puts("usage: mp2 COMMAND [CONFIG.yaml] [--set key=value …]\n");
    for (int i = 0; i < command_table_main.count; i++)
        printf("  %-12s %s\n", command_table_main.commands[i].name, command_table_main.commands[i].summary);
    puts("\n`mp2 help COMMAND` tells more. Exit status: 0 done, 1 failed run, 2 bad usage or input, 3 lost peers.");
}

/* ---- files for packages ---- */

struct page {
    const char *name; /* of the file */
    const struct command *command;
    void (*write)(const struct command *c, FILE *to);
};

static status write_page(const char *folder, const struct page *page)
{
    struct file_out out;
    char path[4096];

    TRY(file_join(path, sizeof path, folder, page->name));
    TRY(file_out_open(path, &out));
    page->write(page->command, out.stream);
    return file_out_commit(&out);
}

static status write_pages(const char *folder)
{
    const struct page pages[] = {{"mp2.1", NULL, manual_write_main},
                                 {"mp2.bash", NULL, completion_write_bash},
                                 {"_mp2", NULL, completion_write_zsh}};
    char name[64];

    TRY(file_make_folder(folder));
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) TRY(write_page(folder, &pages[i]));
    for (int i = 0; i < command_table_main.count; i++) {
        const struct command *c = &command_table_main.commands[i];

        snprintf(name, sizeof name, "mp2-%s.1", c->name);
        TRY(write_page(folder, &(struct page){name, c, manual_write_command}));
    }
    return ST_OK;
}

status cmd_help(int argc, char **argv)
{
    const struct command *c;

    if (argc < 2) return print_commands(), ST_OK;
    if (argc == 3 && strcmp(argv[1], "--pages") == 0) return write_pages(argv[2]);
    c = command_find(&command_table_main, argv[1]);
    if (!c) return command_unknown(&command_table_main, argv[1]);
    print_command("", c);
    return ST_OK;
}
