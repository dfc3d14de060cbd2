/* One status type for the whole program. 0 is success; results come back through the last arguments.
 * Code, exit status and text stand in one list (configs/README.md, "Exit status": 0 done, 1 failed run, 2 bad usage or
 * input, 3 lost peers). A function that returns something else than ST_OK has already said why, once, through fault().
 */
#ifndef MP2_CLUSTER_BASE_STATUS_H
#define MP2_CLUSTER_BASE_STATUS_H

#define STATUS_LIST(X)                                                                                 \
    X(ST_OK, 0, "ok")                                                                                  \
    X(ST_INPUT, 2, "bad input")           /* a file or value the user gave */                          \
    X(ST_USAGE, 2, "bad usage")           /* the command line */                                       \
    X(ST_IO, 1, "input or output failed") /* disk full, permission, a file that vanished while read */ \
    X(ST_MEMORY, 1, "out of memory")                                                                   \
    X(ST_NUMBER, 1, "a number is not finite") /* a loss or gradient that is NaN or infinite */         \
    X(ST_SYSTEM, 1, "a system call failed")                                                            \
    X(ST_PEER, 3, "a peer was lost")                                                                   \
    X(ST_END, 1, "end of data")             /* a reader's regular end; never reaches main */           \
    X(ST_DIFFERENT, 1, "two things differ") /* the answer of a comparison */

#define STATUS_ENUM(code, exit_status, text) code,
typedef enum status { STATUS_LIST(STATUS_ENUM) ST_COUNT } status;
#undef STATUS_ENUM

/* Local. The text of a status; "unknown status" outside the list. */
const char *status_text(status s);

/* Local. The exit status of a program that ends with s. */
int status_exit(status s);

/* Return early with the same status; only where nothing has to be undone. */
#define TRY(expression)                               \
    do {                                              \
        status try_status_ = (expression);            \
        if (try_status_ != ST_OK) return try_status_; \
    } while (0)

#endif
