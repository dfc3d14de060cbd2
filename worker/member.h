/* What a worker reports to the coordinator about itself: its description once, its statistics with every step. Both are
 * sent as raw bytes. */
#ifndef MP2_WORKER_MEMBER_H
#define MP2_WORKER_MEMBER_H

#include <stdint.h>

/* At the start. The job fills threads and columns. */
struct worker_info {
    char host[64], processes[64]; /* processes: the PID namespace of pid */
    int64_t pid;
    int32_t threads;
    int64_t first_column, columns; /* columns of A that it owns; mlm: parameters */
    double memory;                 /* resident bytes at the start */
};

/* With every step's answer. */
struct member_report {
    double seconds; /* of computing in this step */
    double sent;    /* bytes sent in steps since the last report */
    double memory;  /* resident bytes */
};

#endif
