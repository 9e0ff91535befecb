import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.pades.validation.PDFDocumentValidator;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.reports.Reports;

import java.io.File;
import java.util.List;

/**
 * Judges signed PDFs with EU DSS, offline, trusting one root: Judge ROOT FILE... One line for each signature:
 * file, format, indication, sub-indication, errors, warnings, PDF modifications, separated by tabs. The policy is the default one of DSS.
 */
public final class Judge {
    private Judge() {
    }

    public static void main(String[] args) {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        trusted.addCertificate(DSSUtils.loadCertificate(new File(args[0])));
        for (int i = 1; i < args.length; i++) {
            judge(trusted, args[i]);
        }
    }

    private static void judge(CommonTrustedCertificateSource trusted, String file) {
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(trusted);
        verifier.setAIASource(null);
        verifier.setCrlSource(null);
        verifier.setOcspSource(null);
        PDFDocumentValidator validator = new PDFDocumentValidator(new FileDocument(file));
        validator.setCertificateVerifier(verifier);
        Reports reports = validator.validateDocument();
        SimpleReport simple = reports.getSimpleReport();
        DiagnosticData data = reports.getDiagnosticData();
        for (String id : simple.getSignatureIdList()) {
            SignatureWrapper signature = data.getSignatureById(id);
            System.out.println(String.join("\t",
                    new File(file).getName(),
                    String.valueOf(simple.getSignatureFormat(id)),
                    String.valueOf(simple.getIndication(id)),
                    simple.getSubIndication(id) == null ? "" : simple.getSubIndication(id).toString(),
                    texts(simple.getAdESValidationErrors(id)),
                    texts(simple.getAdESValidationWarnings(id)),
                    signature.arePdfModificationsDetected() ? "modifications" : ""));
        }
    }

    private static String texts(List<Message> messages) {
        StringBuilder all = new StringBuilder();
        for (Message message : messages) {
            all.append(all.length() == 0 ? "" : "; ").append(message.getValue().replaceAll("\\s+", " "));
        }
        return all.toString();
    }
}
