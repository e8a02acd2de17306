#include "daemon/probe/probed_elsewhere.h"

#include <gtest/gtest.h>

namespace modeld {
namespace {

TEST(ProbedElsewhereTest, SaysBothPlacesWhereTheyDiffer) {
  v1::ProbeReport before;
  before.set_outcome(v1::PROBE_OUTCOME_PASSED);
  before.set_engine("libtorch 2.13.0");
  before.set_machine("EPYC");
  EXPECT_EQ(ProbedElsewhere(before, "libtorch 2.13.0", "EPYC"), "");
  EXPECT_EQ(ProbedElsewhere(before, "libtorch 2.13.0+onednn", "EPYC"),
            "; its probe passed with libtorch 2.13.0 on EPYC, and this is libtorch 2.13.0+onednn on it");
  EXPECT_EQ(ProbedElsewhere(before, "libtorch 2.13.0", "Xeon"),
            "; its probe passed with libtorch 2.13.0 on EPYC, and this is libtorch 2.13.0 on Xeon");
  EXPECT_EQ(ProbedElsewhere(before, "libtorch 2.13.0", ""), "");
  before.set_outcome(v1::PROBE_OUTCOME_CRASHED);
  EXPECT_EQ(ProbedElsewhere(before, "libtorch 2.14.0", "Xeon"), "");
}

}  // namespace
}  // namespace modeld
