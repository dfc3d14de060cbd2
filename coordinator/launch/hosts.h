/* A list of hosts with the workers each has room for, in the order of preference: the first one of an epoch is the
 * coordinator's, too. */
#ifndef MP2_COORDINATOR_LAUNCH_HOSTS_H
#define MP2_COORDINATOR_LAUNCH_HOSTS_H

#include <stddef.h>

#include "cluster/base/status.h"

enum { HOSTS_MOST = 1024, HOST_BYTES = 256, SLOTS_MOST = 4096 };

struct host {
    char name[HOST_BYTES];
    int slots; /* workers */
};

/* Fixed room, so that lists can be compared and copied as plain values by hosts_copy. */
struct hosts {
    struct host *items;
    size_t count, room;
};

void hosts_fini(struct hosts *hosts);
status hosts_add(struct hosts *hosts, const char *name, int slots);
status hosts_copy(const struct hosts *from, struct hosts *to); /* to: zeroed or a list, which is replaced */
int hosts_equal(const struct hosts *a, const struct hosts *b);
int hosts_slots(const struct hosts *hosts); /* of all together */

/* Local. The entry that a name means, -1: none. A name is itself, or the same without its domain; this machine is also
 * "localhost". */
int hosts_find(const struct hosts *hosts, const char *name);
/* Local. 1: the name is this machine's. */
int host_is_here(const char *name);

/* Local. "a:2,b:2" and so on, cut where the room ends; extra: so many more on the first one. */
void hosts_text(const struct hosts *hosts, int extra, char *out, size_t room);

/* Local. mpirun's hostfile form: NAME [slots=N] [max_slots=N] a line, "#" begins a comment. Without slots: the host is
 * named once for every worker. ST_INPUT (reported: name:line) on anything else. */
status hosts_parse_file(const char *name, const char *text, struct hosts *out);
/* Local. What a discovery script prints: NAME or NAME:SLOTS a line. ST_INPUT (reported). */
status hosts_parse_script(const char *name, const char *text, struct hosts *out);
/* Local. Slurm's SLURM_TASKS_PER_NODE, "2(x3),1": slots of the nodes named a line each in text. ST_INPUT (reported). */
status hosts_parse_slurm(const char *nodes, const char *tasks, struct hosts *out);

#endif
