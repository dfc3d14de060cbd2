/* Where the list of hosts comes from: a file that may change, a script that is asked every few seconds, the nodes of a
 * Slurm job, or this machine. What cannot be read while the run goes on changes nothing: the last list stays. */
#ifndef MP2_COORDINATOR_LAUNCH_SOURCE_H
#define MP2_COORDINATOR_LAUNCH_SOURCE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "coordinator/launch/hosts.h"

enum source_kind { SOURCE_FILE, SOURCE_SCRIPT, SOURCE_SLURM, SOURCE_HERE };

struct source {
    enum source_kind kind;
    const char *path; /* of file or script */
    double every;     /* seconds between looks */
    double looked;    /* the last look began */
    struct stat seen; /* of the file that was read last */
    pid_t pid;        /* of the script under way; 0: none */
    int out;          /* what it prints; -1 */
    char *text;
    size_t text_bytes, text_room;
    int failed; /* the last look; said once */
};

/* Local. hosts, discover: "" where not given; with neither the nodes of the Slurm job that this is in, else this
 * machine with its cores. ST_INPUT (reported) when a file cannot be read. */
status source_open(const char *hosts, const char *discover, double every, struct source *out);
void source_close(struct source *source);

/* Local, does not wait. *fresh 1: out is the list as it is now. */
status source_look(struct source *source, double now, struct hosts *out, int *fresh);

#endif
