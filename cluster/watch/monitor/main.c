/* mp2-monitor: follows runs from anywhere. Links neither MPI nor BLAS. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/watch/monitor/monitor.h"

static const struct {
    const char *name;
    monitor_command *run;
    int least, most;
    const char *usage, *help;
} commands[] = {
    {"watch", monitor_watch, 1, 1, "SOURCE", "a run in the terminal (plain lines when it is none)"},
    {"serve", monitor_serve, 1, 64, "[--listen HOST:PORT] SOURCE …",
     "a web page, /metrics for Prometheus, a JSON API; at 127.0.0.1:8080 unless said otherwise"},
    {"record", monitor_record, 1, 1, "--out FOLDER SOURCE", "metrics.jsonl and TensorBoard event files in FOLDER"},
    {"keygen", monitor_keygen, 1, 1, "NAME", "NAME.key (secret) and NAME.pub (a line for the other side's list)"}};

enum { COMMANDS = sizeof commands / sizeof *commands };

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void print_usage(FILE *to)
{
    fputs("usage: mp2-monitor COMMAND …\n\n", to);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-7s %-31s %s\n", commands[i].name, commands[i].usage, commands[i].help);
    fputs("\nSOURCE is a run folder (a finished one is replayed) or the address of a publisher, HOST:PORT.\n"
          "  --key FILE     own secret key, --server FILE the publisher's public key: for streams beyond this machine\n"
          "  --plain        watch: lines instead of a full screen\n"
          "  --once         watch, record: end when everything that is known was read\n",
          to);
}

static status load_keys(struct monitor_args *args)
{
    if (!args->key != !args->server) return fault(ST_USAGE, "--key and --server: expected both or neither");
    if (!args->key) return ST_OK;
    TRY(curve_load(args->key, &args->key_pair.own));
    TRY(curve_load_public(args->server, args->key_pair.server));
    args->keys = &args->key_pair;
    return ST_OK;
}

/* Options may stand anywhere; the others move to the front of argv. */
static status parse_args(int argc, char **argv, struct monitor_args *args)
{
    const struct {
        const char *name;
        const char **value;
        int *flag;
    } options[] = {{"--key", &args->key, NULL}, {"--server", &args->server, NULL}, {"--listen", &args->listen, NULL},
                   {"--out", &args->out, NULL}, {"--plain", NULL, &args->plain},   {"--once", NULL, &args->once}};
    int n = 0;

    for (int i = 0; i < argc; i++) {
        size_t k = 0;
        while (k < sizeof options / sizeof *options && strcmp(argv[i], options[k].name) != 0) k++;
        if (k == sizeof options / sizeof *options) {
            if (argv[i][0] == '-') return fault(ST_USAGE, "unknown option \"%s\" (mp2-monitor help)", argv[i]);
            argv[n++] = argv[i];
        } else if (options[k].flag) {
            *options[k].flag = 1;
        } else if (++i < argc) {
            *options[k].value = argv[i];
        } else {
            return fault(ST_USAGE, "%s: expected a value", options[k].name);
        }
    }
    args->rest = (const char *const *)argv;
    args->count = n;
    return load_keys(args);
}

static status run_command(int argc, char **argv, struct monitor_args *args)
{
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) != 0) continue;
        TRY(parse_args(argc - 2, argv + 2, args));
        if (args->count < commands[i].least || args->count > commands[i].most)
            return fault(ST_USAGE, "usage: mp2-monitor %s %s", commands[i].name, commands[i].usage);
        return commands[i].run(args);
    }
    return fault(ST_USAGE, "unknown command \"%s\" (mp2-monitor help)", argv[1]);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    static struct monitor_args args;
    status s;

    file_guard_standard();
    log_init('M', -1, LOG_WARN);
    args.stop = &stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    if (argc > 1 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)) {
        print_usage(stdout);
        return 0;
    }
    if (argc < 2) {
        print_usage(stderr);
        return status_exit(ST_USAGE);
    }
    s = run_command(argc, argv, &args);
    explicit_bzero(&args.key_pair, sizeof args.key_pair);
    return status_exit(s);
}
