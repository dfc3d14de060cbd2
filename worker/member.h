/* What a worker tells the coordinator of itself: who it is, once, and how it does, with every step. Both travel as they
 * are. */
#ifndef MP2_WORKER_MEMBER_H
#define MP2_WORKER_MEMBER_H

#include <stdint.h>

/* At the start. The job fills threads and columns. */
struct worker_info {
    char host[64], processes[64]; /* processes: the name space that pid is a number of */
    int64_t pid;
    int32_t threads;
    int64_t first_column, columns; /* of A that it owns; mlm: parameters */
    double memory;                 /* bytes resident at the start */
};

/* With every step's answer. */
struct member_report {
    double seconds; /* computed in this step */
    double sent;    /* bytes sent in steps since the last report */
    double memory;  /* bytes resident */
};

#endif
