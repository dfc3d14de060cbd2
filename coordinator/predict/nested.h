/* Whether a file of questions is one nested JSON value (SQuAD's {"data": [ …, CMRC 2018's [{ …) or has a question a
 * line. */
#ifndef MP2_PREDICT_NESTED_H
#define MP2_PREDICT_NESTED_H

#include <stddef.h>

enum { PEEK_BYTES = 1 << 20 }; /* a first value longer than that is no question's */

/* Local. By the file's first n bytes: 1 when it is one nested value, 0 when not, -1 when they do not tell yet. */
int nested_begins(const char *text, size_t n);

#endif
