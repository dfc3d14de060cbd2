/* An encoder for the demo that nobody trained: its heads are set, not learned, so that the quick start has something to
 * prompt at once and `mp2 mlm` something to continue from. An ordinary BERT folder.
 *
 * What small encoders learn late, and what the tasks ask for, is where else a character stands: an option's character
 * in the text, a question's in the reply. So
 *   layer 1   heads look two and one back and copy what they see into slots of their own; two look at the quotation
 *             marks and carry where the last one stands, and the middle of all; two units of the feed-forward each turn
 *             these into flags: after what is quoted (options, questions), in its second half
 *   layer 2   heads look for the same character in what is quoted; for what stood two before, after it (a question and
 *             its answer); for the same character in the first half. Where there is none they see [CLS], and how much
 *             of it is a flag. One looks one ahead
 *   layer 3   the neighbours' flags; the mean, over the second half, of what was not in the first; one random head
 * and random feed-forward layers that mix flags and characters. The hidden vector is cut into
 *   characters 44 | slots 15 two back, 15 one back, 15 one ahead | marks: separators, quotes, [CLS] | flags 14 |
 *   positions 22 (sines)
 * Looking at an offset is a query that is the position turned by the offset, and a key that is the position; looking
 * for the same is one random projection for query and key. Nothing here knows a task or a word. */
#ifndef MP2_COORDINATOR_DATA_DEMO_ENCODER_H
#define MP2_COORDINATOR_DATA_DEMO_ENCODER_H

#include <stdint.h>

#include "cluster/base/random.h"
#include "cluster/base/status.h"

/* Local. Write DIR (config.json, vocab.txt copied from vocab, model.safetensors in f32); a function of the key. */
status demo_encoder_write(const char *dir, struct random_key key, const char *vocab);

#endif
