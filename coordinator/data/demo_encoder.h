/* An encoder for the demo that nobody trained: its heads are set, not learned, so that the quick start has something to
 * prompt at once and `mp2 mlm` something to continue from. An ordinary BERT folder.
 *
 * What small encoders learn late, and what the tasks ask for, is where else a character stands: an option's character in the text, a
 * question's in the reply. So
 *   layer 1   heads look two and one back and one ahead and copy what they see into slots of their own; the fourth looks for
 *             the same character elsewhere, or at [CLS] when there is none: how much of [CLS] it sees is a flag
 *   layer 2   what stood two before me, where else does that stand (a question and its answer); the mean of the flags over the
 *             text; is there a quotation mark soon after (text or options?); one random head
 *   layer 3   the neighbours' flags, two random heads
 * and random feed-forward layers that mix flags and characters. The hidden vector is cut into
 *   characters 44 | slots 15 two back, 15 one back, 15 one ahead | marks: separators, quotes, [CLS] | flags 12 | positions 24 (sines)
 * Looking at an offset is a query that is the position turned by the offset, and a key that is the position; looking for the
 * same is one random projection for query and key, with the place itself pushed away by its position. */
#ifndef MP2_DATA_DEMO_ENCODER_H
#define MP2_DATA_DEMO_ENCODER_H

#include <stdint.h>

#include "cluster/base/random.h"
#include "cluster/base/status.h"

/* Local. Write DIR (config.json, vocab.txt copied from vocab, model.safetensors in f32); a function of the key. */
status demo_encoder_write(const char *dir, struct random_key key, const char *vocab);

#endif
