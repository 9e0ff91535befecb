"""Judges signed PDFs with pyHanko, offline, trusting one root: judge.py ROOT FILE...

One line for each signature: file, field, level that was asked for, verdict, coverage or cause, modifications, separated
by tabs. The level is the part of the file name before the first period: B, T, LT or LTA.

B and T are validated without revocation data, which they do not have. LT is validated with the revocation data of the
file alone, required for every certificate (hard-fail). LTA goes through the algorithm of EN 319 102-1, 5.6.3, with the
same requirement.
"""

import asyncio
import logging
import sys

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import DocumentSecurityStore, async_validate_pdf_signature
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager


def sound(status):
    """What follows the signature is allowed."""
    return status.modification_level != ModificationLevel.OTHER


async def simple(root, sig, level):
    """Levels B, T and LT."""
    settings = {"trust_roots": [root], "allow_fetching": False}
    if level == "LT":
        settings["revocation_mode"] = "hard-fail"
        context = DocumentSecurityStore.read_dss(sig.reader).as_validation_context(settings)
    else:
        context = ValidationContext(**settings)
    status = await async_validate_pdf_signature(sig, signer_validation_context=context)
    good = status.bottom_line and sound(status) and (level == "B") == (status.timestamp_validity is None)
    return "VALID" if good else "INVALID", status.coverage.name, status.modification_level.name


async def archived(root, sig):
    """Level LTA."""
    spec = SignatureValidationSpec(
        cert_validation_policy=CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build(trust_roots=[root]),
            revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
        ),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
    )
    result = await ades_lta_validation(sig, PdfSignatureValidationSpec(spec))
    status = result.api_status
    good = (
        result.ades_subindic == AdESPassed.OK
        and result.signature_timestamp_status.ades_subindic == AdESPassed.OK
        and result.oldest_evidence_record_timestamp is not None
    )
    if not good:
        stamp = result.signature_timestamp_status
        return "INVALID", f"{result.ades_subindic} {result.failure_msg} {stamp and stamp.ades_subindic}", ""
    return "VALID" if sound(status) else "INVALID", status.coverage.name, status.modification_level.name


async def judged(root, path, name):
    """Prints the verdict on each signature of a file."""
    level = name.split(".")[0]
    with open(path, "rb") as f:
        for sig in PdfFileReader(f, strict=True).embedded_regular_signatures:
            verdict = await (archived(root, sig) if level == "LTA" else simple(root, sig, level))
            print("\t".join([name, sig.field_name, level, *verdict]))


async def main():
    """Judges every file; an exception is a verdict too."""
    logging.disable()  # a refusal is told by its verdict
    root = load_cert_from_pemder(sys.argv[1])
    for path in sys.argv[2:]:
        name = path.rsplit("/", 1)[-1]
        try:
            await judged(root, path, name)
        except Exception as e:
            print("\t".join([name, "", "", "INVALID", type(e).__name__, " ".join(str(e).split())]))


asyncio.run(main())
