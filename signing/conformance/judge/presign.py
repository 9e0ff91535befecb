"""Signs in.pdf of a folder with pyHanko into out.pdf, at B-B, or at B-T with a time-stamping authority.

    presign.py FOLDER [URL]

The folder holds the key and the certificate of the signer and its chain. It stands for a document that another program
signed before ours.
"""

import sys
from pathlib import Path

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps import HTTPTimeStamper

folder = Path(sys.argv[1])
signer = signers.SimpleSigner.load(
    str(folder / "key.pem"), str(folder / "cert.pem"), ca_chain_files=[str(folder / "chain.pem")]
)
with open(folder / "in.pdf", "rb") as doc, open(folder / "out.pdf", "wb") as out:
    signers.sign_pdf(
        IncrementalPdfFileWriter(doc),
        signers.PdfSignatureMetadata(field_name="Autre", subfilter=fields.SigSeedSubFilter.PADES, md_algorithm="sha384"),
        signer=signer,
        timestamper=HTTPTimeStamper(sys.argv[2]) if len(sys.argv) > 2 else None,
        output=out,
    )
