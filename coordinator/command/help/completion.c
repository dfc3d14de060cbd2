/* Both scripts are a function that sets, for a command's path ("data import"), four lists: names (of subcommands),
 * flags (--resume), settings (train.steps; zsh has an array `options` of its own) and values (key=choice), and code
 * that is the same for all commands. */
#include "coordinator/command/help/completion.h"

#include <string.h>

#include "cluster/base/options.h"

/* How a list's element is written: by itself, or with a sentence that says what it is. */
struct form {
    FILE *to;
    int described;
};

/* Within single quotes; a colon ends a name of zsh's lists, none of ours has one. */
static void put_element(const struct form *f, const char *dash, const char *name, size_t n, const char *what)
{
    fprintf(f->to, " '%s%.*s", dash, (int)n, name);
    if (f->described && what) {
        putc(':', f->to);
        for (; *what; what++) fputs(*what == '\'' ? "'\\''" : (char[]){*what, 0}, f->to);
    }
    putc('\'', f->to);
}

/* The words of a usage that begin with two dashes. */
static void put_flags(const struct form *f, const char *text)
{
    while (text && (text = strstr(text, "--"))) {
        size_t n = 2 + strspn(text + 2, "abcdefghijklmnopqrstuvwxyz-");

        if (n > 2) put_element(f, "", text, n, NULL);
        text += n;
    }
}

static void put_choices(const struct form *f, const struct option *row)
{
    const char *choices = row->type == OPTION_BOOL ? "true|false" : row->type == OPTION_CHOICE ? row->choices : "";

    while (*choices) {
        size_t n = strcspn(choices, "|");

        fprintf(f->to, " '%s=%.*s'", row->name, (int)n, choices);
        choices += n + (choices[n] == '|');
    }
}

/* What c and the command whose options it takes, too, have. values: choices, else names. */
static void put_rows(const struct form *f, const struct command *c, int values)
{
    const struct option *rows = NULL;
    size_t count = c->options ? c->options(&rows) : 0;

    for (size_t i = 0; i < count; i++) {
        if (values) put_choices(f, &rows[i]);
        else put_element(f, "", rows[i].name, strlen(rows[i].name), rows[i].help);
    }
    if (c->also) put_rows(f, command_find(&command_table_main, c->also), values);
}

static void put_names(const struct form *f, const struct command_table *table)
{
    for (int i = 0; table && i < table->count; i++)
        put_element(f, "", table->commands[i].name, strlen(table->commands[i].name), table->commands[i].summary);
}

static int takes_command(const struct command *c)
{
    return strcmp(c->name, "run") == 0 || strcmp(c->name, "help") == 0 || strcmp(c->name, "launch") == 0;
}

static void put_case(const struct form *f, const char *path, const struct command *c)
{
    fprintf(f->to, "    '%s%s')\n        names=(", path, c->name);
    put_names(f, takes_command(c) ? &command_table_main : c->subcommands);
    fputs(")\n        flags=(", f->to);
    put_flags(f, c->arguments);
    put_flags(f, c->flags);
    fputs(")\n        settings=(", f->to);
    put_rows(f, c, 0);
    fputs(")\n        values=(", f->to);
    put_rows(f, c, 1);
    fputs(") ;;\n", f->to);
}

static void put_table(const struct form *f)
{
    fputs("_mp2_table() {\n    names=() flags=() settings=() values=()\n    case $1 in\n    '')\n        names=(",
          f->to);
    put_names(f, &command_table_main);
    fputs(")\n        flags=('--help' '--version') ;;\n", f->to);
    for (int i = 0; i < command_table_main.count; i++) {
        const struct command *c = &command_table_main.commands[i];

        put_case(f, "", c);
        for (int k = 0; c->subcommands && k < c->subcommands->count; k++)
            put_case(f, c->subcommands->path, &c->subcommands->commands[k]);
    }
    fputs("    esac\n}\n\n", f->to);
}

/* bash takes "=" for a word of its own. What has no list is a file: complete -o default. */
static const char bash_code[] =
    "_mp2() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} where='' key='' i\n"
    "    local -a names flags settings values\n"
    "    COMPREPLY=()\n"
    "    _mp2_table ''\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case \" ${names[*]} \" in\n"
    "        *\" ${COMP_WORDS[i]} \"*)\n"
    "            case $where in '' | run | help | launch) where=${COMP_WORDS[i]} ;; *) where+=\" ${COMP_WORDS[i]}\" ;; "
    "esac\n"
    "            _mp2_table \"$where\" ;;\n"
    "        esac\n"
    "    done\n"
    "    if [ \"$cur\" = = ]; then\n"
    "        key=${prev#--} cur=\n"
    "    elif [ \"$prev\" = = ]; then\n"
    "        key=${COMP_WORDS[COMP_CWORD - 2]#--}\n"
    "    elif [ \"$prev\" = --set ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"${settings[*]}\" -S = -- \"$cur\")\n"
    "        compopt -o nospace\n"
    "        return\n"
    "    elif [[ $prev == --* && \" ${settings[*]} \" == *\" ${prev#--} \"* ]]; then\n"
    "        key=${prev#--}\n"
    "    fi\n"
    "    if [ -n \"$key\" ]; then\n"
    "        for i in \"${values[@]}\"; do\n"
    "            [[ $i == \"$key=$cur\"* ]] && COMPREPLY+=(\"${i#*=}\")\n"
    "        done\n"
    "    elif [[ $cur == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"${flags[*]} ${settings[*]/#/--}\" -- \"$cur\")\n"
    "    elif [ ${#names[@]} -gt 0 ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"${names[*]}\" -- \"$cur\")\n"
    "    fi\n"
    "}\n"
    "complete -o default -F _mp2 mp2\n";

static const char zsh_code[] =
    "_mp2() {\n"
    "    local where='' key='' word\n"
    "    local -a names flags settings values found\n"
    "    _mp2_table ''\n"
    "    for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
    "        if (( ${names[(I)${word}:*]} )); then\n"
    "            case $where in ('' | run | help | launch) where=$word ;; (*) where+=\" $word\" ;; esac\n"
    "            _mp2_table \"$where\"\n"
    "        fi\n"
    "    done\n"
    "    word=${words[CURRENT]}\n"
    "    if [[ $word == *=* ]]; then\n"
    "        key=${${word%%=*}#--}\n"
    "        compset -P '*='\n"
    "    elif [[ ${words[CURRENT-1]} == --set ]]; then\n"
    "        _describe -t options option settings -S =\n"
    "        return\n"
    "    elif [[ ${words[CURRENT-1]} == --* ]]; then\n"
    "        key=${words[CURRENT-1]#--}\n"
    "        (( ${settings[(I)${key}:*]} )) || key=\n"
    "    fi\n"
    "    if [[ -n $key ]]; then\n"
    "        found=(${(M)values:#${key}=*})\n"
    "        found=(${found#*=})\n"
    "        if [[ -n $found ]]; then compadd -- $found; else _files; fi\n"
    "    elif [[ $word == -* ]]; then\n"
    "        found=($flags \"${(@)settings/#/--}\")\n"
    "        _describe -o -t options option found\n"
    "    elif (( $#names )); then\n"
    "        _describe -t commands command names\n"
    "    else\n"
    "        _files\n"
    "    fi\n"
    "}\n\n"
    "_mp2 \"$@\"\n";

void completion_write_bash(const struct command *c, FILE *to)
{
    const struct form form = {to, 0};

    (void)c;
    fputs("# shellcheck shell=bash disable=SC2034\n# bash completion of mp2, written by `mp2 help --pages`\n", to);
    put_table(&form);
    fputs(bash_code, to);
}

void completion_write_zsh(const struct command *c, FILE *to)
{
    const struct form form = {to, 1};

    (void)c;
    fputs("#compdef mp2\n# zsh completion of mp2, written by `mp2 help --pages`\n", to);
    put_table(&form);
    fputs(zsh_code, to);
}
