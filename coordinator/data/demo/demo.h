/* The embedded default of mp2: for each task of configs/tasks a small generated data set in that task's own published
 * form, unlabelled text, and a vocabulary, from a grammar of our own (coordinator/README.md, "Demo data"). A function
 * of the seed and the size, byte for byte; a second or two. `mp2 data import` reads it as it reads published data.
 *
 * What makes it worth learning: topics are told by words, but questions that mean the same, deeds done by one person
 * to another, relations seen from the other side, records and options need comparison, order or lookup; a bag of
 * characters does not do. What makes it learnable by a small encoder: words that mean the same share a character,
 * which the encoder's heads look for, and the unlabelled text holds exercises on other combinations of the same words,
 * in which options carry a tick or a cross. */
#ifndef MP2_COORDINATOR_DATA_DEMO_DEMO_H
#define MP2_COORDINATOR_DATA_DEMO_DEMO_H

#include <stdint.h>

#include "cluster/base/status.h"
#include "coordinator/data/demo/task.h"

enum demo_size { DEMO_SMALL, DEMO_NORMAL };

/* Local. Write DIR/FOLDER/FILE… of all tasks, DIR/text/….txt, DIR/vocab.txt and an untrained encoder, DIR/encoder
 * (demo_encoder.h); DIR is made when missing. */
status demo_write(const char *dir, uint64_t seed, enum demo_size size);

/* Local. Parts of it. One row, a function of (key, its place); half: 1 tasks' rows, 0 the unlabelled text. label: the
 * wanted one, -1 any. One passage of the unlabelled text. The vocabulary: [PAD], [unused1] …, [UNK], [CLS], [SEP],
 * [MASK] at BERT's places, then every character of the grammar. */
void demo_row_at(struct random_key key, const struct demo_task *task, uint32_t a, uint32_t b, int half, int label,
                 struct demo_row *row);
void demo_passage(struct random_key key, uint32_t at, struct demo_text *out);
status demo_vocabulary_write(const char *path);
enum { DEMO_UNK = 100, DEMO_CLS, DEMO_SEP, DEMO_MASK };
int demo_vocabulary_size(void);
int demo_vocabulary_id(const char *character);
/* Local. How many labels a task has; 0: choices or extraction. */
int demo_labels(const struct demo_task *task);

#endif
